"""Unserialisable triples: two accesses of one task with a conflicting access of another in between.

The four unserialisable interleavings of one location are those of AVIO (Lu et al., ASPLOS 2006, table 1):
R-W'-R, W-W'-R, R-W'-W, W-R'-W; of files and streams, which keep what was written before, W-W'-W is a fifth.
AVIO learns which pairs are meant to be atomic from passing runs. We do not guess either: a triple counts only
when the schedule's own choices made it (a preemption inside it) or the nearest passing schedule lacks it, and
those that are often benign need the former.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.vocabulary import ACCESSING, WRITING, Role, is_check, is_stored, role, touches
from unblink.model.finding import Event
from unblink.model.site import SourceLine

_AUGMENTED = re.compile(r"(\+|-|\*|/|%|&|\||\^|<<|>>|@)=(?!=)")
_SCAN = 50  # how many accesses between two of one task are looked at
_RANK = {
    names.LOST_UPDATE: 0,
    names.CHECK_THEN_ACT: 0,
    names.LAZY_INITIALISATION: 0,
    names.OVERWRITTEN: 1,
    names.INTERLEAVED: 1,
    names.TORN_READ: 0,
    names.DIRTY_READ: 2,
    names.NON_REPEATABLE_READ: 3,
}


@dataclass(frozen=True, slots=True)
class Triple:
    """`first` and `second` are of one task, `between` of another; `span` is their distance in events."""

    pattern: str
    first: Event
    between: Event
    second: Event
    span: int
    preempted: bool


def triple_diagnosis(events: Sequence[Event], passing: Sequence[Event]) -> Diagnosis | None:
    """Return the best-proven triple of the failing `events` as a diagnosis, or None when none is proven."""
    usual = Counter(_signature(triple) for triple in triples(passing))
    proven: list[tuple[tuple[int, int, int, int], Triple]] = []
    for triple in triples(events):
        signature = _signature(triple)
        usual[signature] -= 1
        if usual[signature] >= 0:  # the passing schedule has it too, so it is not what makes the test fail
            continue
        weak = _RANK[triple.pattern] > 0
        if triple.preempted or (passing and not weak):
            order = (not triple.preempted, _RANK[triple.pattern], triple.span, triple.first.number)
            proven.append((order, triple))
    return _described(min(proven, key=lambda pair: pair[0])[1]) if proven else None


def triples(events: Sequence[Event]) -> Iterator[Triple]:
    """Yield every unserialisable triple of `events` that has a name."""
    preempted: dict[int, list[int]] = defaultdict(list)
    by_root: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    for index, event in enumerate(events):
        if event.preempts:
            preempted[event.task].append(index)
        if role(event) in ACCESSING and event.target:
            by_root[event.target.split("[", 1)[0]].append((index, event))
    for accesses in by_root.values():
        for start, end in _pairs(accesses):
            yield from _between(accesses, start, end, preempted)


def could_be(events: Sequence[Event]) -> Iterator[Triple]:
    """Yield triples that another schedule may make of `events`: two accesses of one task, one of another beside them.

    The other access may come anywhere; no lock is held at all three.
    """
    by_target: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if role(event) in ACCESSING and event.target:
            by_target[event.target].append(event)
    for accesses in by_target.values():
        last: dict[int, Event] = {}
        rows: dict[tuple[object, ...], tuple[Event, Event]] = {}
        for event in accesses:
            if event.task in last:
                first = last[event.task]
                rows.setdefault((first.at, event.at), (first, event))
            last[event.task] = event
        for first, second in rows.values():
            for between in accesses:
                if between.task == first.task or set(first.held) & set(between.held) & set(second.held):
                    continue
                pattern = _pattern(first, between, second)
                if pattern:
                    yield Triple(pattern, first, between, second, 0, False)
                    break


def _pairs(accesses: Sequence[tuple[int, Event]]) -> Iterator[tuple[int, int]]:
    """Yield positions of consecutive overlapping accesses of one task that are not neighbours."""
    last: dict[tuple[int, str], int] = {}
    for position, (_, event) in enumerate(accesses):
        root = event.target.split("[", 1)[0]
        earlier = max(last.get((event.task, name), -1) for name in (event.target, root))
        if event.target == root:
            earlier = max(earlier, last.get((event.task, ""), -1))
        if 0 <= earlier < position - 1:
            yield earlier, position
        last[event.task, event.target] = last[event.task, ""] = position


def _between(
    accesses: Sequence[tuple[int, Event]], start: int, end: int, preempted: dict[int, list[int]]
) -> Iterator[Triple]:
    (low, first), (high, second) = accesses[start], accesses[end]
    points = preempted.get(first.task, [])
    is_preempted = bisect_right(points, high) > bisect_right(points, low)
    for at, (_, event) in enumerate(accesses[start + 1 : min(end, start + 1 + _SCAN)], start + 1):
        if event.task == first.task or not (
            touches(event.target, first.target) and touches(event.target, second.target)
        ):
            continue
        pattern = _pattern(first, event, second)
        if pattern is None and _does_the_same(accesses[max(0, at - _SCAN) : at], first, event, second):
            pattern = names.LOST_UPDATE
        if pattern:
            yield Triple(pattern, first, event, second, high - low, is_preempted)
            return


def _does_the_same(before: Sequence[tuple[int, Event]], first: Event, between: Event, second: Event) -> bool:
    """Whether the other task reads and writes where this one does: then they belong together, in whatever functions."""
    if role(first) is not Role.READ or role(second) not in WRITING or between.at != second.at:
        return False
    mine = (event for _, event in before if event.task == between.task)
    return any(role(event) is Role.READ and event.at == first.at for event in mine)


def _pattern(first: Event, between: Event, second: Event) -> str | None:
    stored = is_stored(first.target)  # often read by one function and written by another
    if first.at.function != second.at.function and not stored:
        return None
    shape = tuple("W" if role(event) in WRITING else "R" for event in (first, between, second))
    if shape == ("R", "W", "W"):
        return _read_then_write(first, second)
    if shape in (("R", "W", "R"), ("W", "W", "R")):
        return _then_read(first, between, second)
    if shape == ("W", "W", "W"):
        return _all_written(first, between, second)
    if shape != ("W", "R", "W"):
        return None
    if stored:
        is_one_line = (first.at.file, first.at.line) == (second.at.file, second.at.line)
        whole = second.operation == "commit"  # a transaction is seen whole, or not at all
        return names.TORN_READ if is_one_line and not whole else None
    return names.DIRTY_READ if role(first) is Role.WRITE and role(second) is Role.WRITE else None


def _all_written(first: Event, between: Event, second: Event) -> str | None:
    """Name what is written in between: a stream that is read moves its position for all."""
    kind = first.target.partition(" ")[0]
    if kind == "stream" and Role.UPDATE in map(role, (first, between, second)):
        return names.OVERWRITTEN
    return names.INTERLEAVED if kind in ("file", "stream") else None


def _read_then_write(first: Event, second: Event) -> str:
    if not is_check(first) or (first.at.line == second.at.line and _AUGMENTED.search(second.at.text)):
        return names.LOST_UPDATE
    empty = "is None" in first.at.text or re.match(r"\s*if not [\w.]+:", first.at.text) or first.value == "None"
    if empty and first.target == second.target and "[" not in first.target:
        return names.LAZY_INITIALISATION
    return names.CHECK_THEN_ACT


def _then_read(first: Event, between: Event, second: Event) -> str | None:
    """Name a triple that ends with a read. The same line again is a loop that looks anew, as it should."""
    if first.at.line == second.at.line or set(first.held) & set(between.held) & set(second.held):
        return None
    if role(first) is Role.READ and is_check(first):
        return names.CHECK_THEN_ACT
    known = first.value is not None and second.value is not None
    if not known or first.value == second.value:
        return None
    return names.NON_REPEATABLE_READ if role(first) is Role.READ else names.OVERWRITTEN


def _signature(triple: Triple) -> tuple[object, ...]:
    steps = (triple.first, triple.between, triple.second)
    return (triple.pattern, triple.first.target, *((step.task, step.at.file, step.at.line) for step in steps))


def _described(triple: Triple) -> Diagnosis:
    act = {names.LOST_UPDATE: "write", names.NON_REPEATABLE_READ: "second read"}.get(
        triple.pattern, {"read": "next read"}.get(role(triple.second).value, role(triple.second).value)
    )
    begin = "check" if triple.pattern in (names.CHECK_THEN_ACT, names.LAZY_INITIALISATION) else role(triple.first).value
    remark = f"between {{task:{triple.first.task}}}'s {begin} and its {act}"
    target = max((triple.first.target, triple.second.target), key=len)
    evidence = (triple.first, triple.between, triple.second)
    return Diagnosis(triple.pattern, target, evidence, _key(triple), ((triple.between.number, remark),))


def _key(triple: Triple) -> SourceLine:
    """Name the stale check or the overwriting write; the intruder if only it goes without the lock."""
    both = set(triple.first.held) & set(triple.second.held)
    if both and not both & set(triple.between.held):
        return triple.between.at
    if triple.pattern in (names.CHECK_THEN_ACT, names.LAZY_INITIALISATION, names.NON_REPEATABLE_READ):
        return triple.first.at
    return triple.second.at
