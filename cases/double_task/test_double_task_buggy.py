from .buggy import BILLED, JOBS, work_off
from .machine import Machine
from .store import Store


def test_each_invoice_is_billed_once() -> None:
    store = Store()
    store.rpush(JOBS, "invoice-1", "invoice-2", "invoice-2")  # the second client had no answer, and asked again
    work_off(store, Machine())
    assert store.get(BILLED) == "2"
