"""The heart of the report: one column per task, time downwards.

A row is one event in its task's column, with its number, the place in the source and, when any are held,
the locks. Between rows stand the switches with their reasons. After lincheck's trace tables, but a row never
exceeds the width: columns that need more than their share wrap, targets lose their owner's name first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unblink.explain.labels import deed, label_of, locks, place
from unblink.explain.plain_text import cells, clip, count, pad, seconds, wrap
from unblink.explain.relevance import Elided, Row, Shown
from unblink.explain.styled import Line
from unblink.explain.vocabulary import Role, role
from unblink.model.finding import Event

MAX_COLUMNS = 6
_NARROWEST = 11
_CELL_LINES = 3


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where things stand: widths of the gutter, the clock (0 when time stands still), columns, margin."""

    gutter: int
    clock: int
    columns: dict[int, int]
    margin: int
    short: bool


def table(
    rows: Sequence[Row],
    *,
    tasks: Sequence[int],
    labels: Mapping[int, str],
    switches: Mapping[int, str],
    key_numbers: frozenset[int],
    width: int,
) -> list[Line]:
    """Return the lines of the table. `switches` are by the number of the event that they come before."""
    events = [event for row in rows if isinstance(row, Shown) for event in row.events]
    if not events:
        return []
    grid = _grid(rows, events, tasks, labels, width)
    lines = [Line(_heading(grid, tasks, labels), "head")]
    for row in rows:
        if isinstance(row, Elided):
            lines.append(Line(_indented(grid, _gap(row, labels), width), "gap"))
            continue
        first = row.events[0]
        if role(first) is Role.STALL:
            front = pad(_number(row), grid.gutter) + _clock(grid, first)
            lines.append(Line(clip(front + switches.get(first.number, "stall"), width), "switch"))
            continue
        if first.number in switches:
            lines.append(Line(_indented(grid, switches[first.number], width), "switch"))
        style = "key" if any(event.number in key_numbers for event in row.events) else "event"
        lines.extend(Line(text, style) for text in _row(grid, row, tasks, width))
    return lines


def _grid(
    rows: Sequence[Row], events: Sequence[Event], tasks: Sequence[int], labels: Mapping[int, str], width: int
) -> _Grid:
    gutter = max(len(_number(row)) for row in rows if isinstance(row, Shown)) + 2
    moving = len({event.seconds for event in events}) > 1
    clock = max(cells(seconds(event.seconds)) for event in events) + 2 if moving else 0
    most = width // 3 if len(tasks) < 5 else width // 5
    margin = min(max(cells(_margin(event, width)) for event in events), most)
    room = max(width - gutter - clock - margin - 2, len(tasks))
    for short in (False, True):
        needs = {task: _need(rows, task, label_of(labels, task), short) for task in tasks}
        if sum(needs.values()) + 2 * len(tasks) <= room:
            return _Grid(gutter, clock, needs, margin, short)
    return _Grid(gutter, clock, _shared(needs, room - 2 * len(tasks)), margin, True)


def _need(rows: Sequence[Row], task: int, label: str, short: bool) -> int:
    texts = [_cell(row, short) for row in rows if isinstance(row, Shown) and row.events[0].task == task]
    return (
        max(_NARROWEST, cells(label), *(min(cells(text), 60) for text in texts))
        if texts
        else max(_NARROWEST, cells(label))
    )


def _shared(needs: Mapping[int, int], room: int) -> dict[int, int]:
    """Return widths that sum to `room`: who needs less than an equal share gets it, the rest is divided."""
    widths: dict[int, int] = {}
    left = dict(needs)
    while left:
        share = max((room - sum(widths.values())) // len(left), 1)
        modest = {task: need for task, need in left.items() if need <= share}
        widths.update(modest or dict.fromkeys(left, share))
        left = {task: need for task, need in left.items() if modest and task not in modest}
    return widths


def _heading(grid: _Grid, tasks: Sequence[int], labels: Mapping[int, str]) -> str:
    columns = "  ".join(pad(label_of(labels, task), grid.columns[task]) for task in tasks)
    return (" " * (grid.gutter + grid.clock) + columns).rstrip()


def _row(grid: _Grid, row: Shown, tasks: Sequence[int], width: int) -> list[str]:
    event = row.events[0]
    own = tasks.index(event.task)
    before = "".join(_bar(grid, task) for task in tasks[:own])
    after = [_bar(grid, task) for task in tasks[own + 1 :]]
    room = grid.columns[event.task] + sum(map(len, after)) + (2 if after else 0)
    text = _cell(row, grid.short)
    fits = cells(text) <= room and (cells(text) <= grid.columns[event.task] or grid.short)
    texts: list[str] = []
    for index, part in enumerate([text] if fits else wrap(text, grid.columns[event.task], _CELL_LINES)):
        front = pad(_number(row), grid.gutter) + _clock(grid, event) if index == 0 else " " * (grid.gutter + grid.clock)
        margin = _margin(event, grid.margin) if index == 0 else ""
        texts.append(clip((front + before + _beside(grid, part, event.task, after) + margin).rstrip(), width))
    return texts


def _beside(grid: _Grid, text: str, task: int, after: Sequence[str]) -> str:
    """Return a cell with the columns right of it; a long one covers their bars: they are empty here."""
    covered = grid.columns[task] + 2
    rest = list(after)
    while cells(text) > covered - 2 and rest:
        covered += len(rest.pop(0))
    return pad(text, covered) + "".join(rest)


def _bar(grid: _Grid, task: int) -> str:
    return pad("│", grid.columns[task] + 2)


def _clock(grid: _Grid, event: Event) -> str:
    return pad(seconds(event.seconds), grid.clock) if grid.clock else ""


def _cell(row: Shown, short: bool) -> str:
    if len(row.events) == 1:
        return deed(row.events[0], short=short)
    targets = list(dict.fromkeys(deed(event, short=short).partition(" ")[2] for event in row.events))
    shown = ", ".join(targets[:3]) + (f" and {len(targets) - 3} more" if len(targets) > 3 else "")
    return deed(row.events[0]).partition(" ")[0] + " " + shown


def _number(row: Shown) -> str:
    first, last = row.events[0].number, row.events[-1].number
    return clip(f"#{first}" if first == last else f"#{first}-{last}", 15)


def _margin(event: Event, room: int) -> str:
    """Return the place and the locks held; where there is not the room for both, the end of the place."""
    at = place(event.at)
    held = f"  [{locks(event.held)}]" if event.held and role(event) is not Role.START else ""
    if cells(at + held) <= room:
        return at + held
    return at if len(at) <= room else "…" + at[1 - room :]


def _gap(row: Elided, labels: Mapping[int, str]) -> str:
    shown = row.counts[:3]
    parts = [f"{count(shown[0][1], 'operation')} of {label_of(labels, shown[0][0])}"]
    parts += [f"{number} of {label_of(labels, task)}" for task, number in shown[1:]]
    if len(row.counts) > 3:
        rest = row.counts[3:]
        parts.append(f"{sum(number for _, number in rest)} of {count(len(rest), 'more task')}")
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return f"… {text} not shown"


def _indented(grid: _Grid, text: str, width: int) -> str:
    return clip(" " * (grid.gutter + grid.clock) + text, width)
