"""Which events of an execution a report shows: those that the conflict is made of, and a little around them.

An execution has thousands of visible operations and a reader's patience is forty rows. Events are taken
in the order of how much they explain, until the rows are used up; the gaps are counted, never hidden.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from unblink.explain.vocabulary import Role, role
from unblink.model.finding import Event

ROWS = 40
_CHOICES = 10  # preemptions shown at most; a minimised schedule has three
_RELATED = 12  # further accesses of the same locations
_FRAME = frozenset({Role.START, Role.END, Role.JOIN})


@dataclass(frozen=True, slots=True)
class Shown:
    """Events on one row: one, or several of the same task that are starts or ends in a row."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Elided:
    """A gap: how many operations of which task are not shown."""

    counts: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """How many operations are not shown here."""
        return sum(count for _, count in self.counts)


Row = Shown | Elided


def select(
    events: Sequence[Event],
    *,
    evidence: Collection[int] = (),
    targets: Collection[str] = (),
    rows: int = ROWS,
) -> tuple[int, ...]:
    """Return the positions in `events` that are worth showing, in order, at most `rows` of them.

    `evidence` are the positions that prove the finding, `targets` the locations and locks that it is about.
    """
    if len(events) <= min(rows, 12):
        return tuple(range(len(events)))
    chosen: dict[int, None] = {}
    proofs = {*evidence, *(near for at, after in preempted_steps(events) for near in (at, after - 1, after))}
    for ring in _rings(events, sorted(evidence), targets):
        for position in ring:
            if len(chosen) >= rows:
                return tuple(sorted(chosen))
            if 0 <= position < len(events) and (not events[position].inside or position in proofs):
                chosen[position] = None
    return tuple(sorted(chosen))


def layout(events: Sequence[Event], chosen: Iterable[int], tasks: Collection[int]) -> tuple[Row, ...]:
    """Return the rows of a report: chosen events, runs of starts or joins on one row, gaps counted.

    `tasks` are those that have a column; an event of another is counted even where it stands alone.
    """
    rows: list[Row] = []
    previous = -1
    for position in chosen:
        _add_gap(rows, events[previous + 1 : position], tasks)
        _add_event(rows, events[position])
        previous = position
    _add_gap(rows, events[previous + 1 :], tasks)
    return tuple(rows)


def preempted_steps(events: Sequence[Event]) -> tuple[tuple[int, int], ...]:
    """Return for each preempted event its position and that of the first event after the switch.

    An event is marked as preempted where it happens at last, so the switch lies before the first event after
    the same task's previous one.
    """
    steps: list[tuple[int, int]] = []
    last: dict[int, int] = {}
    for position, event in enumerate(events):
        if event.preempts:
            before = last.get(event.task, -1)
            steps.append((position, before + 1 if before + 1 < position else position))
        last[event.task] = position
    return tuple(steps)


def core_tasks(events: Sequence[Event], evidence: Collection[int]) -> set[int]:
    """Return the ids of the tasks that prove the finding, were preempted, or went on instead."""
    steps = preempted_steps(events)[:_CHOICES]
    positions = {*evidence} or {position for step in steps for position in step}
    return {events[position].task for position in positions}


def tasks_of(events: Sequence[Event], chosen: Iterable[int], evidence: Collection[int]) -> tuple[int, ...]:
    """Return the ids of the tasks that chosen events are about, the most relevant first.

    Tasks of the evidence come first, then those that do more than start, join and end.
    """
    weight: Counter[int] = Counter()
    for position in chosen:
        event = events[position]
        weight[event.task] += 1 if role(event) in _FRAME else 100
        if position in evidence:
            weight[event.task] += 100_000
    return tuple(sorted(weight, key=lambda task: (-weight[task], task)))


def _rings(events: Sequence[Event], evidence: Sequence[int], targets: Collection[str]) -> Iterable[list[int]]:
    """Yield positions, the most telling first."""
    steps = preempted_steps(events)
    stalls = [position for position, event in enumerate(events) if role(event) in (Role.STALL, Role.RAISE)]
    yield list(evidence)
    core = list(evidence) or [position for position, _ in steps]
    yield _nearest([position for position, _ in steps] + stalls, core)[:_CHOICES]
    yield _nearest([near for _, after in steps for near in (after - 1, after)], core)[: 2 * _CHOICES]
    focus = [*evidence, *(position for step in steps for position in step), *stalls] or [len(events) - 1]
    about = targets or {events[position].target for position, _ in steps if events[position].target}
    yield _nearest(_about(events, about), focus)[:_RELATED]
    yield [near for position in core for near in (position - 1, position + 1)]
    yield [position for position, event in enumerate(events) if role(event) in _FRAME][:16]
    yield list(range(len(events) - 1, max(-1, len(events) - (4 if core else 12)), -1))


def _about(events: Sequence[Event], targets: Collection[str]) -> list[int]:
    """Return the positions of events on one of `targets`, its container or its items, each looked at once."""
    containers = {target.split("[", 1)[0] for target in targets if "[" in target}
    wanted = {*targets, *containers} - {""}
    found: list[int] = []
    for position, event in enumerate(events):
        root = event.target.split("[", 1)[0]
        if role(event) not in _FRAME and (event.target in wanted or root in targets):
            found.append(position)
    return found


def _nearest(positions: list[int], focus: list[int]) -> list[int]:
    """Return `positions`, those nearest to one of `focus` first."""
    anchors = sorted(set(focus)) or [0]

    def distance(position: int) -> tuple[int, int]:
        at = bisect_left(anchors, position)
        return min(abs(position - anchor) for anchor in anchors[max(at - 1, 0) : at + 1]), position

    return sorted(positions, key=distance)


def _add_event(rows: list[Row], event: Event) -> None:
    last = rows[-1] if rows else None
    kind = role(event)
    if isinstance(last, Shown) and kind in (Role.START, Role.JOIN) and not event.preempts:
        first = last.events[0]
        if first.task == event.task and role(first) is kind and first.at.function == event.at.function:
            rows[-1] = Shown((*last.events, event))
            return
    rows.append(Shown((event,)))


def _add_gap(rows: list[Row], events: Sequence[Event], tasks: Collection[int]) -> None:
    if len(events) == 1 and events[0].task in tasks:
        _add_event(rows, events[0])  # saying that one operation is not shown takes the row that shows it
    elif events:
        rows.append(Elided(tuple(sorted(Counter(event.task for event in events).items()))))
