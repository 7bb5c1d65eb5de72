"""Names for objects that another task sees half made or half changed."""

from __future__ import annotations

from collections.abc import Sequence

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.vocabulary import ACCESSING, WRITING, Role, role, touches
from unblink.model.finding import Event, Finding


def published_before_built(finding: Finding) -> Diagnosis | None:
    """An object is put where others find it, another task reads what it lacks, and only then its maker writes that."""
    events = finding.events
    for index, read in enumerate(events):
        if role(read) is not Role.READ or "." not in read.target:
            continue
        built = next((e for e in events[index + 1 :] if _builds(e, read)), None)
        if built is None:
            continue
        shown = f"<{read.target.rsplit('.', 1)[0].split('#')[0].rsplit('.', 1)[-1]}>"
        for published in reversed(events[:index]):
            if published.task != built.task or role(published) not in WRITING or published.value != shown:
                continue
            if _was_reached(events[:index], published, read):
                remarks = (
                    (published.number, f"others can find it, but #{built.number} is still to come"),
                    (read.number, f"{{task:{published.task}}} writes it only at #{built.number}"),
                )
                return Diagnosis(names.PUBLISHED, read.target, (published, read, built), published.at, remarks)
    return None


def _builds(event: Event, read: Event) -> bool:
    return event.task != read.task and role(event) in WRITING and event.target == read.target


def _was_reached(events: Sequence[Event], published: Event, read: Event) -> bool:
    """Return whether the reader has looked where the object was published."""
    looks = (e for e in events if e.task == read.task and e.number > published.number and role(e) is Role.READ)
    return any(touches(e.target, published.target) for e in looks)


def torn_read(finding: Finding) -> Diagnosis | None:
    """One task reads two fields of an object, another writes both: one is seen as it was, the other as it became."""
    accesses = [event for event in finding.events if role(event) in ACCESSING and "." in event.target]
    for index, first in enumerate(accesses):
        if role(first) is not Role.READ:
            continue
        for second in accesses[index + 1 :]:
            if second.task != first.task or role(second) is not Role.READ or not _belong_together(first, second):
                continue
            found = _torn(accesses, first, second)
            if found:
                return found
    return None


def _belong_together(one: Event, other: Event) -> bool:
    same_owner = one.target != other.target and one.target.rsplit(".", 1)[0] == other.target.rsplit(".", 1)[0]
    return same_owner and one.at.function == other.at.function and "[" not in one.target + other.target


def _torn(accesses: Sequence[Event], first: Event, second: Event) -> Diagnosis | None:
    writes = [e for e in accesses if e.task != first.task and role(e) in WRITING]
    of_first = [e for e in writes if e.target == first.target]
    of_second = [e for e in writes if e.target == second.target]
    for one in of_first:
        for other in of_second:
            if one.task != other.task or one.at.function != other.at.function:
                continue
            if set(first.held) & set(second.held) & set(one.held) & set(other.held):
                continue
            old_then_new = first.number < one.number and other.number < second.number
            new_then_old = one.number < first.number and second.number < other.number
            low, high = min(first.number, one.number), max(second.number, other.number)
            if (old_then_new or new_then_old) and any(e.preempts for e in accesses if low < e.number <= high):
                return _described(first, second, one, other)
    return None


def _described(first: Event, second: Event, one: Event, other: Event) -> Diagnosis:
    evidence = tuple(sorted((first, second, one, other), key=lambda event: event.number))
    words = ("after", "before") if first.number < one.number else ("before", "after")
    remark = f"{words[0]} #{other.number}, but #{first.number} came {words[1]} #{one.number}"
    both = f"{first.target} and {second.target.rsplit('.', 1)[1]}"
    return Diagnosis(names.TORN_READ, both, evidence, second.at, ((second.number, remark),))
