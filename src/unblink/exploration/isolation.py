"""Executions in processes of their own, for bodies that leave something behind.

Module-level state that a test changes (a lazy singleton, a cache, a registry) makes the second execution differ from
the first, and hides just the bugs of first use. Then each execution gets a forked child of a process in which the
body has never run. Fork copies one thread only, so this is done only where no other thread runs.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, TypeVar, cast

from unblink.exploration.observation import NEVER_NS, Observation, Observations, Proof, Recording
from unblink.exploration.runner import Interrupted, LoopRefused, Runner
from unblink.model.errors import InternalError
from unblink.model.finding import Event
from unblink.model.schedule import Preemption, Schedule
from unblink.schedule.plan import Plan, Step

_T = TypeVar("_T")
_RUNNERS = re.compile(r"[/\\](execnet|xdist|debugpy|_?pydevd?\w*)[/\\.]")


def can_fork(baseline_threads: int) -> bool:
    """Whether a fork is safe: no thread runs but those that were there when the session began."""
    return len(sys._current_frames()) <= baseline_threads


def threads_of_the_runner() -> int:
    """Count this thread, and those of xdist and of debuggers: what they wait for is no affair of the program."""
    others = (frame for ident, frame in sys._current_frames().items() if ident != threading.get_ident())
    return 1 + sum(any(_RUNNERS.search(code.co_filename) for code in _codes(frame)) for frame in others)


def _codes(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _fork() -> int:
    # From 3.12 on asyncio forgets the current event loop in a child. Ours is a copy: the loop of a fixture stays.
    policy: Any = getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)
    current = getattr(policy, "_local", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of other threads; see can_fork
        child = os.fork()
    if child == 0 and current is not None:
        policy._local = current
    return child


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 16):
        parts.append(part)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a child says when it could not do its work; `refused` is an event loop's name."""

    text: str
    interrupted: bool
    refused: str | None = None


def _answer(descriptor: int, function: Callable[[], Any]) -> None:
    """In a child: do the work, write what came of it, and be gone without any of the program's exit code."""
    try:
        try:
            content = pickle.dumps(function())
        except Interrupted:
            content = pickle.dumps(_Raised("", True))
        except LoopRefused as problem:
            content = pickle.dumps(_Raised("", False, problem.loop))
        except BaseException:
            content = pickle.dumps(_Raised(traceback.format_exc(), False))
        _write_all(descriptor, content)
    finally:
        os._exit(0)


def _received(content: bytes, status: int) -> Any:
    if not content:
        raise InternalError(
            "internal-error",
            f"a forked execution ended without an answer (wait status {status})",
            "the program may have killed its process, or crashed it: run it alone with python -X faulthandler",
        )
    value = pickle.loads(content)
    if isinstance(value, _Raised):
        if value.interrupted:
            raise Interrupted
        if value.refused is not None:
            raise LoopRefused(value.refused, went_on=False)
        raise InternalError(
            "internal-error", f"a forked execution failed in unblink:\n{value.text}", "please report it"
        )
    return value


def in_child(function: Callable[[], _T]) -> _T:
    """Return what `function` returns in a forked child; it must be picklable."""
    read, write = os.pipe()
    child = _fork()
    if child == 0:
        os.close(read)
        _answer(write, function)
    os.close(write)
    try:
        content = _read_all(read)
    finally:
        os.close(read)
        _, status = os.waitpid(child, 0)
    return cast(_T, _received(content, status))


class Checkpoint:
    """A copy of this process that waits: it does `work` when told to, or goes.

    `work` gets the names of the modules that this process has come to import meanwhile.
    """

    def __init__(self, work: Callable[[Sequence[str]], Any]) -> None:
        self._modules = frozenset(sys.modules)
        commands, self._command = os.pipe()
        self._result, results = os.pipe()
        self._child = _fork()
        if self._child == 0:
            os.close(self._command)
            os.close(self._result)
            order = _read_all(commands)
            if not order:
                os._exit(0)
            _answer(results, lambda: work(pickle.loads(order)))
        os.close(commands)
        os.close(results)

    def go(self) -> Any:
        """Have the copy do its work and return what it returns."""
        _write_all(self._command, pickle.dumps(sorted(sys.modules.keys() - self._modules)))
        os.close(self._command)
        self._command = -1
        content = _read_all(self._result)
        return _received(content, self._end())

    def dismiss(self) -> None:
        """Let the copy go."""
        if self._child:
            self._end()

    def _end(self) -> int:
        if self._command >= 0:
            os.close(self._command)
        os.close(self._result)
        _, status = os.waitpid(self._child, 0)
        self._child = 0
        return status


class ForkedRunner:
    """Runs each plan in a child of this process. Steps are named, since each child numbers its sites itself."""

    isolated = True

    def __init__(self, runner: Runner, *, learns: bool = False) -> None:
        self._runner = runner
        self.target = runner.target
        self.learns = learns
        self._races: set[tuple[int, int]] = set()

    def observe(self, plan: Plan, *, official: bool = False) -> Observation:
        """Run the target once under `plan`; what a child learned of racing sites is kept."""
        from unblink import _native

        known = _native.site_count()
        modules_before = frozenset(sys.modules)
        learns = self.learns and plan.strategy != "directed"
        if learns:
            _native.prepare(plan.strategy, plan.seed)

        def work() -> tuple[Observation, list[str], tuple[bytes, bytes] | None]:
            seen = self._runner.observe(plan, official=official)
            races = tuple(pair for pair in seen.races if pair.key not in self._races)
            telling = seen.failure is not None or races  # to name steps takes as long as an execution
            steps = self._runner.schedule(seen.steps).preemptions if telling else ()
            hot = tuple(site for site in _native.hot_sites() if site < known)
            portable = seen.portable()._replace(steps=steps, hot=hot, plan=plan, races=races)
            log = _native.take_log(known) if learns else None
            return portable, sorted(sys.modules.keys() - modules_before), log

        observation, modules, log = in_child(work)
        if log is not None:
            _native.take_in(plan.strategy, *log)
        self._races.update(pair.key for pair in observation.races)
        for site in observation.hot:
            _native.make_hot(site)
        import_modules(modules)
        return observation

    def observe_many(self, plans: list[Plan], deadline: float) -> Observations:
        """Run the target under the first of the plans, whatever it has to tell."""
        return Observations(0, 0, 0, NEVER_NS, 0, self.observe(plans[0]))

    def record(self, plan: Plan, watched: Sequence[int] = ()) -> Recording:
        """Run the target once under `plan`, watched closely."""
        return in_child(lambda: self._runner.record(plan, watched))

    def stall_places(self, plan: Plan) -> tuple[Preemption, ...]:
        """Run the target once along `plan`'s choices; return the stalls that it had room for, in their order."""
        return in_child(lambda: self._runner.stall_places(plan))

    def show(self, plan: Plan) -> Any:
        """Run the target officially under `plan` and return what it left to report."""
        return in_child(lambda: self._runner.show(plan))

    def proof(self) -> Proof:
        """Nothing is proved by executions in processes of their own: what one showed stays there."""
        return Proof(False, 0, 0, True)

    def sites_of(self, events: Iterable[Event]) -> tuple[int, ...]:
        """Return what the runner in this process says."""
        return self._runner.sites_of(events)

    def schedule(self, steps: Sequence[Step]) -> Schedule:
        """Return `steps` by their names, which they carry already."""
        return Schedule(tuple(cast(Sequence[Preemption], steps)))


def import_modules(names: Sequence[str]) -> None:
    """Import what an execution imported elsewhere, so that the next one differs in nothing but its schedule."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # made by hand, or gone: the next execution will do without, as that one did
            continue
