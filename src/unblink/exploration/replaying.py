"""Following a witness, on this or another Python, on this or changed code.

The standard library is not the same in all versions of Python: a pool's worker takes its work on another line, a loop
turns once more. Where a witness of another Python does not fail as it must, it is *adapted*: its places within the
library are taken by the functions around them, its choices one pass earlier or later, its stalls elsewhere. Where no
schedule near it does (another Python may need one choice more), the failure is searched for, as an exploration would.
What fails then as it must is shown with the schedule that did it.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

from unblink.exploration.explorer import Explorer
from unblink.exploration.findings import Records
from unblink.exploration.isolation import ForkedRunner, in_child
from unblink.exploration.observation import Observation, Recording
from unblink.exploration.runner import Runner
from unblink.exploration.settings import Budget, Settings
from unblink.model.errors import DivergenceError
from unblink.model.schedule import Preemption, Schedule
from unblink.model.witness import Witness
from unblink.schedule.plan import Plan

MOST_NEIGHBOURS = 200
SEARCHES = 3
SEARCH_BUDGET = Budget(1000, 5.0)
"""For finding the failure of a witness again; each search has a seed of its own."""


class Follows(Protocol):
    """A runner of directed plans."""

    def observe(self, plan: Plan) -> Observation: ...
    def record(self, plan: Plan) -> Recording: ...
    def stall_places(self, plan: Plan) -> tuple[Preemption, ...]: ...


def plan_of(witness: Witness, schedule: Schedule | None = None) -> Plan:
    """Return the plan that follows the witness's schedule, or another one under the same controls."""
    stall = max(witness.controls.stall, witness.needs_stall)
    chosen = witness.schedule if schedule is None else schedule
    return Plan("directed", witness.controls.seed, round(stall * 1e9), choices=chosen.preemptions)


def adapted(witness: Witness, runner: Follows, search: Callable[[], Witness | None] = lambda: None) -> Witness:
    """Return `witness`, or one that fails as it must where it does not and is of another Python.

    It is looked for near `witness`; `search` is asked where nothing is found there.
    """
    if witness.python == platform.python_version():
        return witness
    schedule = witness.schedule
    seen = runner.observe(plan_of(witness))
    while seen.missed >= 0 and not seen.missed_site_known and not is_as_expected(witness, seen):
        looser = _loosened(schedule, seen.missed)
        if looser == schedule:
            break
        schedule = looser
        seen = runner.observe(plan_of(witness, schedule))
    if is_as_expected(witness, seen):
        return replace(witness, schedule=schedule)
    for near in _near(witness, schedule, runner):
        if is_as_expected(witness, runner.observe(plan_of(witness, near))):
            return replace(witness, schedule=near)
    return search() or witness


class Searched(NamedTuple):
    """What a search for the failure of a witness came to."""

    witness: Witness | None
    repeats: bool  # whether executions did the same again: else nothing is known


def found_again(witness: Witness, runner: Runner, *, forks: bool) -> Witness | None:
    """Search for the failure of `witness`; return it with a schedule that shows it, or None.

    With `forks` that is done in a copy of this process, and if executions do not repeat there, each in one of its own.
    """
    if not forks:
        return _searched(witness, runner).witness
    found = in_child(lambda: _searched(witness, runner))
    if not found.repeats:
        found = _searched(witness, ForkedRunner(runner, learns=True))
    return found.witness


def _searched(witness: Witness, runner: Records) -> Searched:
    from unblink import _native

    controls = witness.controls
    cancels = any(step.is_cancellation for step in witness.schedule.preemptions)
    stall = max(controls.stall, witness.needs_stall)
    for seed in range(controls.seed, controls.seed + SEARCHES):
        _native.set_cancelling(cancels)
        _native.forget(True)
        explorer = Explorer(runner, Settings(SEARCH_BUDGET, seed=seed, stall=stall, cancels=cancels))
        explorer.begin(official=False)
        repeats = explorer.repeat() or runner.isolated
        if repeats:
            explorer.search()
        _native.set_cancelling(False)
        found = explorer.state.failure
        if found is not None and is_as_expected(witness, found.observation):
            schedule, controls = runner.schedule(found.steps), replace(controls, seed=seed)
            return Searched(replace(witness, schedule=schedule, controls=controls, passing=None), True)
        if not repeats:
            return Searched(None, False)
    return Searched(None, True)


def _near(witness: Witness, schedule: Schedule, runner: Follows) -> Iterator[Schedule]:
    tasks = runner.record(plan_of(witness, schedule)).tasks
    yield from neighbours(schedule, (task.path for task in tasks), any_task=True)
    for index, step in enumerate(schedule.preemptions):
        if step.is_stall:
            others = _without(schedule, index)
            places = runner.stall_places(plan_of(witness, Schedule(others)))
            nearest = sorted(places, key=lambda place: (place.task != step.task, place.site != step.site))
            for place in nearest[:MOST_NEIGHBOURS]:
                yield Schedule((*others[:index], place, *others[index:]))


def _without(schedule: Schedule, index: int) -> tuple[Preemption, ...]:
    return (*schedule.preemptions[:index], *schedule.preemptions[index + 1 :])


def _loosened(schedule: Schedule, number: int) -> Schedule:
    steps = schedule.preemptions
    loose = replace(steps[number], site=steps[number].site.loosened())
    return Schedule((*steps[:number], loose, *steps[number + 1 :]))


def neighbours(schedule: Schedule, paths: Iterable[str], *, any_task: bool = False) -> Iterator[Schedule]:
    """Yield the schedules that differ from `schedule` in one choice, at most 200 of them.

    `paths` are the tasks that a choice may go to; with `any_task` it may also be another's.
    """
    steps = schedule.preemptions
    known = sorted({*paths, *(step.task for step in steps)})
    left = MOST_NEIGHBOURS
    for index, step in enumerate(steps):
        changed = [
            *(replace(step, task=path) for path in known if any_task and path not in (step.to, step.task)),
            *(replace(step, occurrence=step.occurrence + by) for by in (-1, 1) if step.occurrence + by > 0),
            *(replace(step, to=path) for path in known if path not in (step.to, step.task)),
        ]
        for other in ((), *((each,) for each in changed)):
            if left == 0:
                return
            left -= 1
            yield Schedule((*steps[:index], *other, *steps[index + 1 :]))


def is_as_expected(witness: Witness, observation: Observation) -> bool:
    """Whether an execution failed as the witness says."""
    expected = (witness.expected.kind, witness.expected.exception)
    return observation.failure is not None and observation.failure.signature == expected


def check(witness: Witness, observation: Observation) -> None:
    """See that a replay followed its recording and gave the verdict that it must give.

    Raises:
        DivergenceError: it did not (`site-gone`, `divergence`); the message names the first step that differs.
    """
    failure = observation.failure
    if is_as_expected(witness, observation):
        return
    if observation.missed >= 0:
        _raise_missed(witness, observation)
    seen = "it passed" if failure is None else f"it ended with {failure.kind}: {failure.exception_type or ''}"
    raise DivergenceError(
        "divergence",
        f"the schedule was followed to its end, but {seen.rstrip(': ')}; the witness expects "
        f"{witness.expected.kind}: {witness.expected.exception or ''}".rstrip(": ")
        + _elsewhere(witness),
        "if the code was changed to mend this, the witness has done its work: explore to see what else there is",
    )


def _raise_missed(witness: Witness, observation: Observation) -> None:
    lost = witness.schedule.preemptions[observation.missed]
    number = observation.missed + 1
    place = f"{lost.site.file}, {lost.site.function}: `{lost.site.text}` ({lost.site.operation})"
    if not observation.missed_site_known:
        raise DivergenceError(
            "site-gone",
            f"preemption {number} of the witness stands at {place}, and the program does not come there"
            + _elsewhere(witness),
            "the code has changed: if this is the fix, the witness has done its work; else explore again",
        )
    raise DivergenceError(
        "divergence",
        f"preemption {number} of the witness could not be taken: at {place}, pass {lost.occurrence} of "
        f"{lost.task}, {lost.to} could not go on{_elsewhere(witness)}",
        "the program does not do the same as when the witness was written: explore again",
    )


def _elsewhere(witness: Witness) -> str:
    here = platform.python_version()
    return "" if witness.python == here else f" (it was found on Python {witness.python}, and this is {here})"
