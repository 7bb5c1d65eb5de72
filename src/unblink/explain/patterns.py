"""The pattern of a finding by its name, decided from the failing schedule and its passing neighbour.

The rules are asked in the order of how much they prove: tasks that wait for each other, CPython's own word,
then chains of events with names in them, then bare triples of accesses. None is the answer when no rule
has its evidence; a wrong name would cost the reader more than no name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from unblink.explain.asyncio_patterns import (
    cancellation_diagnosis,
    kept_for_good,
    loop_touched,
    swallowed_cancellation,
)
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.last_waits import with_last_waits
from unblink.explain.misuse_patterns import released_wrongly
from unblink.explain.object_patterns import published_before_built, torn_read
from unblink.explain.order_patterns import (
    acknowledged_before_done,
    cached_too_late,
    changed_while_iterated,
    lease_outlived,
    no_second_check,
    order_violation,
    stale_copy,
    stale_read,
    unordered_access,
)
from unblink.explain.triples import triple_diagnosis
from unblink.explain.vocabulary import ACCESSING, Role, role
from unblink.explain.waiting_patterns import missed_by_timeout, waiting_diagnosis
from unblink.model.finding import Event, Finding, Kind
from unblink.model.site import SourceLine

_FIXES = {
    Kind.LOST_EXCEPTION: "somebody looks at how the task ended: a future's result(), a check after join(), or "
    "threading.excepthook",
    Kind.NEVER_AWAITED: "each coroutine is awaited, or made a task that somebody keeps",
}


def diagnose(finding: Finding) -> Diagnosis | None:
    """Return the pattern that the events of `finding` prove, or None."""
    if finding.kind is Kind.LOOP_TOUCHED:
        return loop_touched(finding)
    if finding.kind in (Kind.RACE, Kind.ATOMICITY_VIOLATION):
        found = triple_diagnosis(finding.events, ()) if finding.kind is Kind.ATOMICITY_VIOLATION else None
        return found or unordered_access(finding)
    if finding.kind is Kind.DEADLOCK:
        waits = with_last_waits(finding)
        by_name = (cancellation_diagnosis, loop_touched, waiting_diagnosis)
        found = next((found for found in (rule(waits) for rule in by_name) if found), None)
        return found or triple_diagnosis(finding.events, finding.passing)
    if finding.kind is Kind.LIVELOCK and (found := swallowed_cancellation(finding)):
        return found
    rules: tuple[Callable[[Finding], Diagnosis | None], ...] = (
        changed_while_iterated,
        released_wrongly,
        acknowledged_before_done,
        cancellation_diagnosis,
        lambda found: missed_by_timeout(found.events),
        lease_outlived,
        no_second_check,
        published_before_built,
        cached_too_late,
        lambda found: triple_diagnosis(found.events, found.passing),
        stale_read,
        stale_copy,
        torn_read,
        order_violation,
        loop_touched,
    )
    if not schedule_matters(finding):
        return kept_for_good(finding)
    return next((found for found in (rule(finding) for rule in rules) if found), None)


def schedule_matters(finding: Finding) -> bool:
    """Return whether the order can be to blame: something was preempted, held back, or passes otherwise."""
    chosen = any(event.preempts or role(event) is Role.STALL for event in finding.events)
    return bool(chosen or finding.stalls or finding.passing or len(finding.schedule)) or finding.kind in (
        Kind.ATOMICITY_VIOLATION,
        Kind.RACE,
    )


def named(finding: Finding) -> Finding:
    """Return `finding` with `pattern`, `title`, `where` and `fix` filled in, where its events prove them.

    What the finder has set stays: it knew more than the events tell.
    """
    found = diagnose(finding) if finding.pattern is None else None
    where = finding.where or key_line(finding)
    if found is None:
        fix = finding.fix or _FIXES.get(finding.kind, "")
        return replace(finding, where=where, fix=fix)
    return replace(
        finding,
        pattern=found.pattern,
        title=found.title,
        where=found.key or where,
        fix=finding.fix or found.fix,
    )


def key_line(finding: Finding) -> SourceLine | None:
    """Return the line to look at first.

    That is the pattern's key access (the check that went stale, the write that overwrites, the line where
    the first task of a cycle waits); without a pattern the preempted access, then the last one.
    """
    found = diagnose(finding)
    if found is not None and found.key is not None:
        return found.key
    if finding.where is not None:
        return finding.where
    stacks = [entry.stack[0] for entry in finding.waiting if entry.stack]
    if stacks:
        return stacks[0]
    candidates: list[Event] = [event for event in finding.events if event.preempts]
    candidates = candidates or [event for event in finding.events if role(event) in ACCESSING]
    candidates = candidates or list(finding.events)
    return candidates[-1].at if candidates else None
