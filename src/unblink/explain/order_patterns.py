"""Names for defects of order and of time: what came too early, too late, or after its time was over.

Each rule wants its whole chain of events; a rule that finds only a part says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.kept_copies import kept_copy
from unblink.explain.vocabulary import (
    ACCESSING,
    WRITING,
    Role,
    is_check,
    is_stored,
    mentions,
    role,
    timed_out,
    touches,
    verb,
)
from unblink.model.finding import Event, Finding

_ACKNOWLEDGES = re.compile(r"(?<![a-z])(ack|acked|acknowledged?|basic_ack|xack|commit_offset|delete_message)(?![a-z])")
_LEASES = re.compile(r"lease|expir|(?<![a-z])(ttl|nx|setnx|set_if_absent|lock_key|fencing)(?![a-z])", re.IGNORECASE)
_COPIES = re.compile(r"cache|memo|copy|snapshot|last_|previous", re.IGNORECASE)
_HAND_OFFS = frozenset({Role.PUT, Role.ACQUIRE, Role.WAIT})
_CHANGED = re.compile(r"changed (size )?during iteration|mutated during iteration|keys changed during iteration")


def changed_while_iterated(finding: Finding) -> Diagnosis | None:
    """CPython itself says so; the events give the container and the intruder."""
    if not _CHANGED.search(finding.message) and not _CHANGED.search(finding.traceback):
        return None
    events = finding.events
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if role(event) not in WRITING:
            continue
        reads = [other for other in events[:index] if _iterates(other, event)]
        if reads:
            remark = f"while {{task:{reads[-1].task}}} iterates"
            target = reads[-1].target
            evidence = (reads[-1], event)
            return Diagnosis(names.CHANGED_WHILE_ITERATED, target, evidence, reads[-1].at, ((event.number, remark),))
    return None


def _iterates(event: Event, writer: Event) -> bool:
    return event.task != writer.task and role(event) is Role.READ and touches(event.target, writer.target)


def no_second_check(finding: Finding) -> Diagnosis | None:
    """A task checks with `if`, waits, another takes what was there, and the first acts without a new look."""
    events = finding.events
    for index, wait in enumerate(events):
        if role(wait) is not Role.WAIT or is_stored(wait.target):
            continue
        check = next(
            (other for other in reversed(events[:index]) if other.task == wait.task and role(other) in ACCESSING),
            None,
        )
        if check is None or not re.match(r"\s*if\b", check.at.text):
            continue
        found = _acted_blindly(events, index, check, wait)
        if found:
            return found
    return None


def _acted_blindly(events: Sequence[Event], index: int, check: Event, wait: Event) -> Diagnosis | None:
    intruder = None
    for event in events[index + 1 :]:
        if role(event) not in ACCESSING or not touches(event.target, check.target):
            continue
        if event.task != wait.task:
            intruder = event if role(event) in WRITING else intruder
            continue
        if intruder is None or is_check(event):
            return None
        remarks = ((intruder.number, f"before {{task:{wait.task}}} goes on"),)
        return Diagnosis(names.NO_RECHECK, check.target, (check, wait, intruder, event), check.at, remarks)
    return None


def acknowledged_before_done(finding: Finding) -> Diagnosis | None:
    """A task acknowledges, then its hand-off gives up. What was acknowledged will not come again."""
    events = finding.events
    for index, event in enumerate(events):
        if role(event) in _HAND_OFFS and timed_out(event):
            earlier = [other for other in events[:index] if other.task == event.task and mentions(other, _ACKNOWLEDGES)]
            if earlier:
                last = earlier[-1]
                remarks = ((event.number, f"gives up; #{last.number} has acknowledged it already"),)
                return Diagnosis(names.ACKNOWLEDGED, last.target, (last, event), last.at, remarks)
    return None


def lease_outlived(finding: Finding) -> Diagnosis | None:
    """One task takes a lease, virtual time passes, another takes the same lease, the first still works."""
    owners: dict[str, Event] = {}
    events = finding.events
    for index, event in enumerate(events):
        if role(event) not in WRITING or not mentions(event, _LEASES):
            continue
        first = owners.get(event.target)
        if first is not None and first.task != event.task and event.seconds > first.seconds:
            after = next((other for other in events[index + 1 :] if _still_works(other, first)), None)
            if after is not None:
                remarks = ((event.number, f"while {{task:{first.task}}} still works"),)
                return Diagnosis(names.LEASE_OUTLIVED, event.target, (first, event, after), first.at, remarks)
        if _gives_back(event):
            owners.pop(event.target, None)
        else:
            owners[event.target] = event
    return None


def _gives_back(event: Event) -> bool:
    gone = verb(event) in ("delete", "pop") or event.value in ("None", "deleted", "''")
    return gone or event.at.text.lstrip().startswith("del ") or ".pop(" in event.at.text


def _still_works(event: Event, holder: Event) -> bool:
    return event.task == holder.task and role(event) in ACCESSING


def stale_read(finding: Finding) -> Diagnosis | None:
    """A copy is read after its source was written: R(source) W(copy) W'(source) R(copy), value unchanged."""

    def step(event: Event) -> tuple[object, ...]:
        return (event.task, event.at.file, event.at.line, event.target, event.value)

    usual = {step(event) for event in finding.passing if role(event) is Role.READ}
    origin: dict[str, tuple[Event, Event]] = {}  # copy -> the read of its source, and the write of the copy
    last_read: dict[int, Event] = {}
    missed: dict[str, Event] = {}  # copy -> the write of its source that it lacks
    for event in finding.events:
        kind = role(event)
        if kind is Role.READ:
            if event.target in missed and event.value == origin[event.target][1].value and step(event) not in usual:
                return _stale(origin[event.target], missed[event.target], event)
            last_read[event.task] = event
        elif kind in WRITING:
            for copy, (source, _) in origin.items():
                if touches(source.target, event.target) and event.value != source.value and copy != event.target:
                    missed.setdefault(copy, event)
            _remember_copy(event, last_read.get(event.task), origin, missed)
    return None


def _remember_copy(
    event: Event, source: Event | None, origin: dict[str, tuple[Event, Event]], missed: dict[str, Event]
) -> None:
    missed.pop(event.target, None)
    origin.pop(event.target, None)
    copied = source is not None and source.value is not None and source.value == event.value
    copied = copied and (len(event.value or "") > 2 or mentions(event, _COPIES))  # `0` is equal to many a `0`
    if source is not None and copied and not touches(source.target, event.target) and len(origin) < 100:
        origin[event.target] = (source, event)


def _stale(made: tuple[Event, Event], write: Event, read: Event) -> Diagnosis | None:
    source, copy = made
    if write.task == read.task and write.task == source.task:
        return None  # one task alone did it all: no schedule is to blame
    remarks = (
        (write.number, f"{copy.target} was made from it by #{copy.number}"),
        (read.number, f"misses #{write.number}"),
    )
    return Diagnosis(names.STALE_READ, copy.target, (source, copy, write, read), read.at, remarks)


def cached_too_late(finding: Finding) -> Diagnosis | None:
    """A cache is filled with what its source was before it was written: R(source) W'(source) W(cache) R(cache)."""
    last_read: dict[int, Event] = {}
    written: dict[str, Event] = {}
    stale: dict[str, tuple[Event, Event, Event]] = {}  # cache -> what it was made of, the write that it lacks, its own
    for event in finding.events:
        if role(event) is Role.READ:
            if event.target in stale and event.value == stale[event.target][2].value:
                source, write, copy = stale[event.target]
                remarks = (
                    (write.number, f"after this, what #{source.number} read is out of date"),
                    (copy.number, f"keeps what #{source.number} read"),
                )
                return Diagnosis(names.STALE_READ, copy.target, (source, write, copy, event), copy.at, remarks)
            last_read[event.task] = event
        elif role(event) in WRITING:
            stale.pop(event.target, None)
            filled_from = last_read.get(event.task)
            if filled_from is not None and _fills(event, filled_from):
                overtook = written.get(filled_from.target)
                if overtook is not None and overtook.number > filled_from.number and overtook.task != event.task:
                    stale[event.target] = (filled_from, overtook, event)
            written[event.target] = event
    return None


def _fills(write: Event, read: Event) -> bool:
    same = read.value is not None and read.value == write.value
    return same and mentions(write, _COPIES) and not touches(read.target, write.target)


def stale_copy(finding: Finding) -> Diagnosis | None:
    """A task uses under a lock what it kept of an earlier time under it, and another task was there in between."""
    visitors: dict[str, set[int]] = {}
    for event in finding.events:
        if role(event) in ACCESSING:
            visitors.setdefault(event.target, set()).add(event.task)

    def place_of(event: Event) -> str | None:
        return event.target if len(visitors.get(event.target, ())) == 1 else None

    found = kept_copy(finding.events, place_of)
    if found is None:
        return None
    remarks = (
        (found.write.number, f"kept from #{found.source.number}"),
        (found.missed.number, f"after this, {found.write.target} is out of date"),
        (found.read.number, f"misses what #{found.missed.number} did"),
    )
    evidence = (found.source, found.write, found.missed, found.read)
    return Diagnosis(names.STALE_READ, found.write.target, evidence, found.read.at, remarks)


def unordered_access(finding: Finding) -> Diagnosis | None:
    """Two accesses that nothing orders, as the detector named them."""
    evidence = tuple(event for event in finding.events if event.number in finding.racing)
    if len(evidence) != 2:
        return None
    target = min((event.target for event in evidence), key=len)
    remarks = ((evidence[1].number, f"nothing orders it after #{evidence[0].number}"),)
    return Diagnosis(names.UNORDERED, target, evidence, evidence[1].at, remarks)


def order_violation(finding: Finding) -> Diagnosis | None:
    """The same read sees the value before a write here and after it in the passing schedule."""
    passing = {
        (event.task, event.at.file, event.at.line, event.target): event
        for event in reversed(finding.passing)
        if role(event) is Role.READ
    }
    for index, read in enumerate(finding.events):
        twin = passing.get((read.task, read.at.file, read.at.line, read.target))
        if role(read) is not Role.READ or twin is None or read.value is None or twin.value == read.value:
            continue
        for write in finding.events[index + 1 :]:
            if (
                write.task != read.task
                and role(write) in WRITING
                and write.target == read.target
                and write.value == twin.value
            ):
                remarks = ((write.number, f"{{task:{read.task}}} needs it at #{read.number}"),)
                return Diagnosis(names.ORDER_VIOLATION, read.target, (read, write), read.at, remarks)
    return None
