"""Names for locks that are given back by whoever does not hold them.

A release by a task that has not taken the lock is no defect by itself: locks are handed over like that. It is one
when the task that had it goes on as if it held it still, and gives it back later.
"""

from __future__ import annotations

from collections.abc import Sequence

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.vocabulary import Role, role
from unblink.model.finding import Event, Finding

NOT_HELD = "not held"
"""The value of a release that fails."""


def released_wrongly(finding: Finding) -> Diagnosis | None:
    """A release fails: somebody has given the lock back before, twice or for another task."""
    for failed in finding.events:
        if role(failed) is Role.RELEASE and failed.value == NOT_HELD:
            found = _who_was_it(finding.events, failed)
            if found:
                return found
    return None


def _who_was_it(events: Sequence[Event], failed: Event) -> Diagnosis | None:
    here = [e for e in events if e.target == failed.target and e.number < failed.number and _is_about_holding(e)]
    taken = _last(here, failed.task, Role.ACQUIRE)
    if taken is None:
        holder = next((e for e in reversed(here) if role(e) is Role.ACQUIRE), None)
        return _by_another(holder, failed, failed) if holder else None
    freed = next((e for e in here if e.number > taken.number and role(e) is Role.RELEASE), None)
    if freed is None:
        return None
    if freed.task == failed.task:
        return _twice(taken, freed, failed, failed)
    own = _last([e for e in here if e.number < freed.number], freed.task, Role.ACQUIRE)
    if own is None:
        return _by_another(taken, freed, failed)
    first = next((e for e in here if own.number < e.number < freed.number and role(e) is Role.RELEASE), None)
    if first is None or first.task != freed.task:
        return _by_another(taken, freed, failed)
    return _twice(own, first, freed, failed)


def _twice(taken: Event, first: Event, second: Event, failed: Event) -> Diagnosis:
    remarks = [(second.number, f"has given it back already at #{first.number}")]
    if failed is not second:
        remarks.append((failed.number, f"fails: #{second.number} has given it back"))
    evidence = (taken, first, second) if failed is second else (taken, first, second, failed)
    return Diagnosis(names.DOUBLE_RELEASE, failed.target, evidence, second.at, tuple(remarks))


def _by_another(taken: Event, freed: Event, failed: Event) -> Diagnosis:
    remarks = [(freed.number, f"{{task:{taken.task}}} has taken it")]
    if failed is not freed:
        remarks.append((failed.number, f"fails: #{freed.number} has given it back"))
    evidence = (taken, freed) if failed is freed else (taken, freed, failed)
    return Diagnosis(names.UNLOCKED_BY_ANOTHER, failed.target, evidence, freed.at, tuple(remarks))


def _is_about_holding(event: Event) -> bool:
    return role(event) in (Role.ACQUIRE, Role.RELEASE) and event.value is None


def _last(events: Sequence[Event], task: int, wanted: Role) -> Event | None:
    return next((e for e in reversed(events) if e.task == task and role(e) is wanted), None)
