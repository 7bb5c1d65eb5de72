"""The same body on the real standard library and on the ground gives the same value or exception."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unblink.ground import control

EPOCH_NS = 1_700_000_000 * 10**9
SCHEDULES = (("default", 0), ("random", 1), ("random", 2), ("pct", 3), ("pos", 4))

Body = Callable[[], Any]
Outcome = tuple[str, Any]


def _plainly(body: Body) -> Outcome:
    try:
        return ("value", body())
    except BaseException as problem:
        return (type(problem).__qualname__, str(problem))


def _of_threading() -> tuple[Any, ...]:
    """What `threading` knows, to compare before with after."""
    module: Any = threading
    held = sum(lock.locked() for lock in getattr(module, "_shutdown_locks", ()))
    return (set(module._active), dict(module._limbo), held, threading.excepthook, threading.gettrace())


@pytest.fixture(scope="session")
def ground() -> Iterator[None]:
    """Have the C functions taken over for the whole session: outside executions that changes nothing."""
    with control.installed():
        yield


@pytest.fixture
def controlled(ground: None) -> Callable[..., control.Run]:
    """Run a body as one execution."""

    def run(body: Body, strategy: str = "default", seed: int = 0, stall_ns: int = 0) -> control.Run:
        return control.run(body, strategy, seed, stall_ns=stall_ns, epoch_ns=EPOCH_NS)

    return run


@pytest.fixture
def alike(controlled: Callable[..., control.Run]) -> Callable[[Body], Outcome]:
    """Run a body plainly and under several schedules, and fail unless all come out the same."""

    def check(body: Body) -> Outcome:
        expected = _plainly(body)
        for strategy, seed in SCHEDULES:
            before = _of_threading()
            run = controlled(body, strategy, seed)
            problem = run.exception
            outcome = ("value", run.value) if problem is None else (type(problem).__qualname__, str(problem))
            assert outcome == expected, f"{strategy} {seed}"
            assert run.ending is control.Ending.FINISHED
            active, *rest = _of_threading()
            assert active <= before[0]  # a thread of the plain run may only now have come to its end
            assert rest == list(before[1:])
        return expected

    return check
