"""Each cure of `fixed.py` taken out alone: which of the three promises does it carry?"""

import pytest

from .fixed import BILLED, JOBS, work_off
from .machine import Machine
from .store import Store

CURES = ["none", "heartbeat", "fencing", "idempotent"]


def run_without(cure: str) -> tuple[Store, Machine]:
    store, machine = Store(), Machine()
    store.rpush(JOBS, "invoice-1", "invoice-2", "invoice-2")
    work_off(store, machine, **({} if cure == "none" else {cure: False}))
    return store, machine


@pytest.mark.parametrize("without", CURES)
def test_each_invoice_is_billed_once(without: str) -> None:
    store, _ = run_without(without)
    assert store.get(BILLED) == "2"


@pytest.mark.parametrize("without", CURES)
def test_an_older_result_never_replaces_a_newer_one(without: str) -> None:
    store, _ = run_without(without)
    tokens = store.lrange("writes:invoice-2")
    assert tokens == sorted(tokens, key=int)


@pytest.mark.parametrize("without", CURES)
def test_no_two_workers_render_one_invoice_at_once(without: str) -> None:
    _, machine = run_without(without)
    assert machine.overlaps == 0
