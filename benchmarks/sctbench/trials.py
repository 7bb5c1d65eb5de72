"""One exploration of one case with one seed, each in a forked child, so that nothing learned reaches the next."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import TYPE_CHECKING

from benchmarks.sctbench.cases import Case

if TYPE_CHECKING:
    from unblink.model.finding import Finding

_FORK = multiprocessing.get_context("fork")
GRACE = 30.0  # seconds for what follows the search; a child that takes longer than that is ended


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be run. `executions` and `seconds` bound the search, whichever ends first."""

    case: Case
    strategy: str
    seed: int
    executions: int
    seconds: float

    @property
    def budget(self) -> str:
        """The bound as `explore` reads it."""
        return f"{self.executions}x,{self.seconds:g}s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial: the number of the first failing execution, or None.

    `executions` has those of minimisation too. `is_other` says that `failure` is not the bug of the case, which then
    was not found; `is_cut` that there was no more time; `error` what went wrong with the trial itself.
    """

    failed_at: int | None = None
    executions: int = 0
    seconds: float = 0.0
    failure: str = ""
    is_other: bool = False
    is_cut: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Running:
    trial: Trial
    process: ForkProcess
    began: float

    @property
    def left(self) -> float:
        """Return the seconds after which the child is ended."""
        return self.began + self.trial.seconds + GRACE - time.monotonic()


def run_all(trials: Iterable[Trial], processes: int) -> Iterator[tuple[Trial, Outcome]]:
    """Run all trials, `processes` of them at a time; yield each as it ends."""
    waiting = iter(trials)
    running: dict[Connection, _Running] = {}
    try:
        while True:
            while len(running) < processes and (trial := next(waiting, None)) is not None:
                running.update([_start(trial)])
            if not running:
                return
            ready = wait(list(running), max(0.0, min(one.left for one in running.values())))
            for pipe in [pipe for pipe, one in running.items() if pipe in ready or one.left <= 0]:
                one = running.pop(pipe)
                yield one.trial, _end(pipe, one)
    finally:
        for one in running.values():
            one.process.kill()


def _start(trial: Trial) -> tuple[Connection, _Running]:
    mine, its = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_run, args=(trial, its), daemon=True)
    process.start()
    its.close()
    return mine, _Running(trial, process, time.monotonic())


def _end(pipe: Connection, one: _Running) -> Outcome:
    seconds = time.monotonic() - one.began
    try:
        if pipe.poll():
            outcome: Outcome = pipe.recv()
        else:
            one.process.kill()
            outcome = Outcome(seconds=seconds, is_cut=True)
    except EOFError:
        outcome = Outcome(seconds=seconds, error="the process ended without an answer")
    pipe.close()
    one.process.join()
    return outcome


def _run(trial: Trial, pipe: Connection) -> None:
    """In the child: explore, and send what came of it. What the program prints is of no interest."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        outcome = _explored(trial)
    except Exception as problem:
        outcome = Outcome(error="".join(traceback.format_exception_only(problem)).strip())
    pipe.send(outcome)
    pipe.close()
    os._exit(0)  # the program may have left threads behind


def _explored(trial: Trial) -> Outcome:
    import unblink

    result = unblink.explore(
        trial.case.load(), budget=trial.budget, strategy=trial.strategy, seed=trial.seed, witnesses=None
    )
    failure = "" if result.failure is None else _form_of(result.failure)
    is_other = failure != "" and failure not in trial.case.failures
    return Outcome(
        None if is_other else result.failed_at,
        result.executions,
        result.seconds,
        failure,
        is_other,
        result.failed_at is None and result.executions < trial.executions,
    )


def _form_of(failure: Finding) -> str:
    lines = (failure.traceback or "").strip().splitlines()
    return f"{failure.kind.value}: {lines[-1].partition(':')[0]}" if lines else str(failure.kind.value)
