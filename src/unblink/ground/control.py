"""Installing the ground, and running one execution on it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from unblink.ground import bound_loops
from unblink.ground.surroundings import Surroundings
from unblink.model.errors import UncontrolledError, UsageError

FINISHED_PYTHONS = ((3, 11), (3, 12), (3, 13))

FAIRNESS = 400
"""After so many operations in a row a task lets the next one go, so that a spinning one cannot starve it."""

LIVELOCK_AFTER = 1_000_000
STEP_LIMIT = 2_000_000


class Ending(IntEnum):
    """How an execution ended. The engine knows these numbers."""

    RUNNING = 0
    FINISHED = 1
    STUCK = 2
    LIVELOCK = 3
    STEP_LIMIT = 4


@dataclass(frozen=True, slots=True)
class Directive:
    """A preemption in the engine's terms: paths are child numbers from 1, `to` None is the clock."""

    task: tuple[int, ...]
    site: int
    occurrence: int
    to: tuple[int, ...] | None


class Run(NamedTuple):
    """What came of one execution. A named tuple, since each execution makes one: a frozen dataclass costs 2.5 µs.

    `unhandled` has `(task, type, value, traceback, hook)` for each exception that left a task; `deviations`
    `(task, site, occurrence, to)` with `to` -2 for the clock; `call_hash` is equal for executions that did
    the same controlled calls in the same order; `shortest_stall_ns` is the least time for which ready tasks would have
    had to be held back for a deadline to pass (2**63 - 1 if there was none). `racing` is how many pairs of sites are
    known to have raced in this exploration, `dropped` of how many locations the detector gave up the history.
    """

    ending: Ending
    value: Any
    exception: BaseException | None
    unhandled: tuple[tuple[int, Any, Any, Any, Any], ...]
    points: int
    switches: int
    tasks: int
    trace_hash: int
    call_hash: int
    stalled_ns: int
    shortest_stall_ns: int
    leftover: int
    interrupted: bool
    racing: int
    dropped: int

    @property
    def is_clean(self) -> bool:
        """Whether it ran to its end, with no exception and no task left over."""
        return self.ending is Ending.FINISHED and self.exception is None and not self.unhandled and not self.leftover


_ENDINGS = tuple(Ending)
_installed = 0
_surroundings: Surroundings | None = None
# Bound when the ground is installed: an import statement in each execution costs as much as a scheduling point.
_native_run: Callable[..., tuple[Any, ...]]
_native_run_many: Callable[..., tuple[Any, ...]]
_native_is_active: Callable[[], bool]


def is_installed() -> bool:
    """Whether the C functions are taken over."""
    return _installed > 0


def library_prefixes() -> list[str]:
    """Return the directories whose frames belong to the library and not to the program under test."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = [sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep, here + os.sep]
    found.append(os.path.join(os.path.dirname(here), "unblink_pytest.py"))
    for name in ("_pytest", "pluggy", "greenlet"):
        module = sys.modules.get(name)
        if module is not None and module.__file__:
            found.append(os.path.dirname(module.__file__) + os.sep)
    return found


@contextmanager
def installed() -> Iterator[None]:
    """Take over the C functions for as long as the context is open. Contexts nest.

    Raises:
        UncontrolledError: this Python is unknown, or one of its functions is not what it was when it was
            known (`unknown-python`, `unexpected-convention`).
    """
    global _installed
    if _installed == 0:
        _install()
    _installed += 1
    try:
        yield
    finally:
        _installed -= 1
        if _installed == 0:
            from unblink import _native

            _native.uninstall()
            bound_loops.give_back()


def _install() -> None:
    global _surroundings, _native_run, _native_run_many, _native_is_active
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in FINISHED_PYTHONS:
        raise UncontrolledError(
            "unknown-python",
            f"unblink controls CPython 3.11, 3.12 and 3.13; this is {sys.implementation.name} {sys.version.split()[0]}",
            "run the tests with one of those",
        )
    from unblink import _native

    try:
        _native.install()
    except ImportError as problem:
        raise UncontrolledError(
            "unexpected-convention",
            str(problem),
            "this build of Python is not one that unblink knows: please report its version",
        ) from None
    _native.set_library_prefixes(library_prefixes())
    _native_run, _native_run_many, _native_is_active = _native.run, _native.run_many, _native.is_active
    if _surroundings is None:
        _surroundings = Surroundings()
        os.register_at_fork(after_in_child=_native.after_fork)
    _surroundings.order()


def run(
    body: Callable[[], Any],
    strategy: str,
    seed: int,
    *,
    stall_ns: int,
    epoch_ns: int,
    depth: int = 3,
    expected_steps: int = 100,
    step_limit: int = STEP_LIMIT,
    livelock_after: int = LIVELOCK_AFTER,
    as_before: bool = False,
    detects: bool = True,
) -> Run:
    """Run `body` once under control and say what came of it. What leaves `body` is in the result.

    `as_before` makes points of the same sites as the execution before did, whatever was learned since.

    Raises:
        UsageError: an execution is active already (`nested-execution`).
    """
    surroundings = _surroundings_outside()
    surroundings.prepare(seed_of_program=0)
    try:
        row = _native_run(
            body,
            strategy,
            seed & 0xFFFFFFFFFFFFFFFF,
            depth,
            expected_steps,
            stall_ns,
            epoch_ns,
            step_limit,
            livelock_after,
            FAIRNESS,
            as_before,
            detects,
        )
    finally:
        surroundings.restore()
    return _run_of(row)


def _run_of(row: tuple[Any, ...]) -> Run:
    return Run(_ENDINGS[row[0]], row[1], row[2], () if row[3] is None else tuple(row[3]), *row[4:])


def _surroundings_outside() -> Surroundings:
    assert _surroundings is not None
    if _native_is_active():
        raise UsageError(
            "nested-execution",
            "an exploration was started inside an execution that is explored",
            "explore from outside, or call the body directly",
        )
    return _surroundings


class Many(NamedTuple):
    """What came of executions in a row: of all but the last their sums, and the last if it has something to tell."""

    executions: int
    points: int
    tasks: int
    shortest_stall_ns: int
    dropped: int
    last: Run | None


def run_many(
    body: Callable[[], Any],
    plans: list[tuple[str, int, int, int]],
    *,
    epoch_ns: int,
    expected_steps: int,
    step_limit: int,
    deadline: float,
) -> Many:
    """Run `body` under one plan after another: strategy, seed, stall in ns, depth; to the first that tells something.

    That is one which did not come to its end quietly, or showed a race that none before has. `deadline` is one of
    `real_seconds`.

    Raises:
        UsageError: an execution is active already (`nested-execution`).
    """
    surroundings = _surroundings_outside()
    found = _native_run_many(
        body,
        plans,
        expected_steps,
        epoch_ns,
        step_limit,
        LIVELOCK_AFTER,
        FAIRNESS,
        deadline,
        surroundings.prepare,
        surroundings.restore,
    )
    return Many._make((*found[:5], None if found[5] is None else _run_of(found[5])))
