"""A finding as text for a terminal: the head, one column per task, the passing neighbour, the line to paste.

`render` is pure and never fails: whatever a finding holds, each section is made on its own, and one that
cannot be made says so in its place. A report that crashes would hide the defect that it should show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from unblink.explain import header
from unblink.explain.access_stacks import access_stacks
from unblink.explain.columns import MAX_COLUMNS, table
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.labels import task_labels
from unblink.explain.last_waits import with_last_waits
from unblink.explain.loops import Loop, find_loop, loop_line
from unblink.explain.neighbour import beside
from unblink.explain.patterns import diagnose
from unblink.explain.plain_text import clip, count, neutral, neutral_lines
from unblink.explain.relevance import ROWS, core_tasks, layout, select, tasks_of
from unblink.explain.styled import Line, painted
from unblink.explain.switches import switches
from unblink.explain.waiting_text import stacks, waits_for
from unblink.model.finding import Event, Finding, Kind

_NARROWEST = 60
_LONG = 40  # a report of more lines repeats the line to paste at its end
_Section = Callable[[], list[Line]]
_Made = TypeVar("_Made")


def render(
    finding: Finding,
    *,
    width: int = 100,
    color: bool = False,
    unicode: bool = True,
    executions: int | None = None,
    rows: int = ROWS,
    traceback: bool = True,
) -> str:
    """Return the report of `finding`, its lines at most `width` cells but for the line to paste.

    `executions` is how many were run in all; `rows` how many events are shown at most; `traceback` is off
    where the caller shows it already; `unicode` is off for a terminal that has ASCII only.
    """
    width = max(width, _NARROWEST)
    given = finding
    finding = _or_none(lambda: with_last_waits(given)) or given
    diagnosis = _or_none(lambda: diagnose(finding))
    labels = _or_none(lambda: task_labels(finding)) or {}
    loop = _or_none(lambda: find_loop(finding.events) if finding.kind is Kind.LIVELOCK else None)
    head: Sequence[_Section] = (
        lambda: header.title(finding, diagnosis, width),
        lambda: header.accesses(diagnosis, labels, width),
        lambda: header.where(finding, diagnosis, width),
        lambda: header.message(finding, width),
        lambda: waits_for(finding, labels, width),
        lambda: loop_line(loop, finding.events, width),
        lambda: header.created(finding, diagnosis, labels, width),
        lambda: header.stalls(finding, width),
        lambda: header.gil(finding, width),
        lambda: header.assumes(finding, width),
        lambda: header.found(finding, executions, width),
        lambda: header.fix(finding, diagnosis, width),
        lambda: header.replay(finding, width),
    )
    body: Sequence[_Section] = (
        lambda: _events(finding, diagnosis, loop, labels, width=width, rows=rows),
        lambda: beside(finding, labels, width),
        lambda: stacks(finding, labels, width),
        lambda: access_stacks(finding, labels, width),
        lambda: _traceback(finding, width) if traceback else [],
    )
    lines = [line for section in head for line in _guarded(section)]
    for section in body:
        made = _guarded(section)
        lines += [Line(""), *made] if made else []
    if len(lines) > _LONG:
        lines += [Line(""), *_guarded(lambda: header.replay(finding, width))]
    return painted(lines, color=color, unicode=unicode)


def _events(
    finding: Finding,
    diagnosis: Diagnosis | None,
    loop: Loop | None,
    labels: dict[int, str],
    *,
    width: int,
    rows: int,
) -> list[Line]:
    events = finding.events
    evidence = _positions(events, diagnosis)
    if loop is not None:
        evidence |= set(range(loop.start, loop.start + min(loop.length, rows // 2)))
    targets = _targets(finding, diagnosis)
    seen = events if loop is None else events[: loop.start + loop.length]
    chosen = select(seen, evidence=evidence, targets=targets, rows=rows)
    ranked = tasks_of(events, chosen, evidence)
    if len(ranked) > _columns(width):
        core = core_tasks(events, evidence)
        ranked = tuple(task for task in ranked if task in core) or ranked
    tasks = sorted(ranked[: _columns(width)])
    chosen = tuple(position for position in chosen if events[position].task in tasks)
    lines = table(
        layout(events, chosen, tasks),
        tasks=tasks,
        labels=labels,
        switches=switches(finding, labels),
        key_numbers=frozenset(event.number for event in diagnosis.evidence) if diagnosis else frozenset(),
        width=width,
    )
    hidden = len({event.task for event in events} | {task.id for task in finding.tasks}) - len(tasks)
    if lines and hidden > 0:
        lines.append(Line(f"  … {count(hidden, 'task')} without a part in it not shown", "gap"))
    return lines


def _columns(width: int) -> int:
    return max(2, min(MAX_COLUMNS, (width - 30) // 11))


def _positions(events: Sequence[Event], diagnosis: Diagnosis | None) -> set[int]:
    proof = {id(event) for event in diagnosis.evidence} if diagnosis else set()
    return {position for position, event in enumerate(events) if id(event) in proof}


def _targets(finding: Finding, diagnosis: Diagnosis | None) -> set[str]:
    targets = {event.target for event in diagnosis.evidence} if diagnosis else set()
    return (targets | {entry.target for entry in finding.waiting}) - {""}


def _traceback(finding: Finding, width: int) -> list[Line]:
    lines = neutral_lines(finding.traceback, limit=40, width=max(width - 5, 1))
    return [Line("  traceback:", "head"), *(Line("    " + clip(text, width - 4)) for text in lines)] if lines else []


def _guarded(section: _Section) -> list[Line]:
    """Return the section's lines, or one that says why they could not be made: a report never fails."""
    try:
        return section()
    except Exception as error:
        fact = f"  (this part of the report could not be made: {type(error).__name__}: {neutral(error, 120)})"
        return [Line(fact, "gap")]


def _or_none(make: Callable[[], _Made]) -> _Made | None:
    try:
        return make()
    except Exception:
        return None
