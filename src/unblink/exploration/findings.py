"""From a failing schedule to a finding: the schedule is run again under the recorder, and so is its neighbour."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from unblink.detect.judge import Failure
from unblink.explain.patterns import named
from unblink.exploration.explorer import Found, Observes
from unblink.exploration.gil_labels import with_gil_label
from unblink.exploration.observation import Recording
from unblink.exploration.target import Target
from unblink.model.finding import Event, Finding, Kind
from unblink.model.schedule import Controls, Schedule
from unblink.model.witness import Expected, Witness
from unblink.schedule.plan import Plan, Step


class Records(Observes, Protocol):
    """A runner that can also watch an execution closely."""

    target: Target
    isolated: bool  # each execution in a process of its own

    def record(self, plan: Plan, watched: Sequence[int] = ()) -> Recording: ...
    def sites_of(self, events: Iterable[Event]) -> tuple[int, ...]: ...
    def show(self, plan: Plan) -> Any: ...
    def schedule(self, steps: tuple[Step, ...]) -> Schedule: ...


def plan_of(found: Found, seed: int, stall_ns: int) -> Plan:
    """Return the plan that makes the failure happen again."""
    return Plan("directed", seed, max(found.needs_stall_ns, stall_ns), choices=found.steps)


def describe(found: Found, runner: Records, *, seed: int, stall_ns: int, replay: str) -> Finding:
    """Return the finding for `found`, recorded from one more execution of its schedule and of its neighbour."""
    plan = plan_of(found, seed, stall_ns)
    seen = runner.record(plan)
    failure = seen.observation.failure or found.observation.failure
    assert failure is not None
    passing = None
    if found.passing is not None:
        passing = runner.record(Plan("directed", seed, plan.stall_ns, choices=found.passing))
    finding = Finding(
        kind=failure.kind,
        title=title_of(failure),
        pattern=None,
        where=seen.where,
        message=failure.message,
        traceback=seen.traceback,
        needs_stall=found.needs_stall_ns * 1e-9,
        is_note=found.is_note,
        tasks=seen.tasks,
        events=seen.events,
        passing=passing.events if passing is not None else (),
        stalls=seen.stalls,
        waiting=seen.waiting,
        schedule=runner.schedule(found.steps),
        found_at=found.at,
        replay=replay,
    )
    finding = with_gil_label(finding, seen)
    try:
        finding = named(finding)
    except Exception:  # a report never fails while it reports
        return finding
    if finding.pattern is not None or finding.kind is not Kind.FAILURE:
        return finding
    # No pattern says which line matters. The line that fails is in the traceback; what made it fail is where a task was
    # held back.
    return replace(finding, where=seen.turned_at or finding.where)


def sequential_finding(failure: Failure, found_at: int) -> Finding:
    """Return the finding of a body that fails with a single task: its own exception says all."""
    return Finding(
        failure.kind, title_of(failure), None, None, failure.message, found_at=found_at, is_note=failure.is_note
    )


def title_of(failure: Failure) -> str:
    """Return one line that says what went wrong, where no pattern has a better name."""
    if failure.kind in (Kind.DEADLOCK, Kind.LIVELOCK):
        return f"{failure.kind}: {failure.message}"
    first = failure.message.strip().splitlines()
    said = f": {first[0][:120]}" if first else ""
    if failure.kind is Kind.LOST_EXCEPTION:
        return f"{failure.exception_type} left a task and nobody saw it{said}"
    if failure.kind in (Kind.NEVER_AWAITED, Kind.LOOP_TOUCHED):
        return first[0][:120]
    return f"{failure.exception_type}{said}"


def witness_of(
    found: Found,
    target: str,
    schedule: Schedule,
    passing: Schedule | None,
    *,
    seed: int,
    epoch_ns: int,
    stall: float,
) -> Witness:
    """Return the witness of a failing schedule."""
    from unblink import __version__

    failure = found.observation.failure
    assert failure is not None
    return Witness(
        target=target,
        expected=Expected(failure.kind, failure.exception_type, failure.message),
        schedule=schedule,
        passing=passing,
        controls=Controls(seed=seed, epoch=epoch_ns * 1e-9, stall=max(stall, found.needs_stall_ns * 1e-9)),
        needs_stall=found.needs_stall_ns * 1e-9,
        python=platform.python_version(),
        unblink=__version__,
    )


def finding_of_replay(witness: Witness, seen: Recording, passing: Recording | None, line: str) -> Finding:
    """Return what the replay of `witness` showed; `passing` is its nearest schedule that passes."""
    failure = seen.observation.failure
    assert failure is not None
    return named(
        Finding(
            kind=failure.kind,
            title=title_of(failure),
            pattern=None,
            where=seen.where,
            message=failure.message,
            traceback=seen.traceback,
            needs_stall=witness.needs_stall,
            tasks=seen.tasks,
            events=seen.events,
            passing=passing.events if passing is not None else (),
            stalls=seen.stalls,
            waiting=seen.waiting,
            schedule=witness.schedule,
            found_at=1,
            replay=line,
        )
    )
