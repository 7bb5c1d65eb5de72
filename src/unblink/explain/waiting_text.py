"""Deadlocks as text: who holds what and waits for what, then the stack of every task that waits."""

from __future__ import annotations

from collections.abc import Mapping

from unblink.explain.labels import full_place, label_of
from unblink.explain.plain_text import cells, clip, count, neutral, pad
from unblink.explain.styled import LABEL, Line
from unblink.explain.waiting_patterns import cycle
from unblink.model.finding import Finding, Kind, Waiting

_TASKS = 20
_FRAMES = 8


def waits_for(finding: Finding, labels: Mapping[int, str], width: int) -> list[Line]:
    """Return one line for each waiting task: first the cycle in its order, then the others."""
    loop = cycle(finding.waiting)
    others = [entry for entry in finding.waiting if entry not in loop]
    entries = [*loop, *others][:_TASKS]
    name_room = max((cells(label_of(labels, entry.task)) for entry in entries), default=0)
    lines: list[Line] = []
    for index, entry in enumerate(entries):
        front = f"{'waits-for':>{LABEL - 1}}: " if index == 0 else " " * (LABEL + 1)
        close = "   ← closes the cycle" if loop and index == len(loop) - 1 else ""
        text = f"{pad(label_of(labels, entry.task), name_room)}  {_waits(entry, finding, labels)}{close}"
        lines.append(Line(clip(front + text, width), "key" if entry in loop else "plain"))
    if len(finding.waiting) > _TASKS:
        lines.append(Line(" " * (LABEL + 1) + f"… {len(finding.waiting) - _TASKS} more tasks wait", "gap"))
    return lines


def stacks(finding: Finding, labels: Mapping[int, str], width: int) -> list[Line]:
    """Return the stacks of the waiting tasks, the innermost frame first."""
    lines: list[Line] = []
    for entry in finding.waiting[:_TASKS]:
        what = clip(neutral(f"{entry.operation} {entry.target}"), 60)
        lines.append(Line(clip(f"  stack of {label_of(labels, entry.task)}, which waits in {what}:", width), "head"))
        for at in entry.stack[:_FRAMES]:
            source = neutral(at.text.strip(), 120)
            lines.append(Line(clip(f"      {pad(full_place(at), 44)}  {source}", width)))
        if not entry.stack:
            lines.append(Line("      (no stack is known)", "gap"))
        if len(entry.stack) > _FRAMES:
            lines.append(Line(f"      … {count(len(entry.stack) - _FRAMES, 'outer frame')} not shown", "gap"))
    return lines


def _waits(entry: Waiting, finding: Finding, labels: Mapping[int, str]) -> str:
    mine = dict.fromkeys(other.target for other in finding.waiting if other.owner == entry.task and not _joins(other))
    holds = ", ".join(clip(neutral(target), 30) for target in list(mine)[:4])
    front = f"holds {holds}, " if holds else ""
    target = clip(neutral(entry.target), 40)
    if _joins(entry):
        ended = label_of(labels, entry.owner) if entry.owner is not None else target
        return f"{front}waits for {ended} to end"
    if entry.owner is None:
        nobody = "nobody under control" if entry.outside else "nobody"
        why = "again and again" if finding.kind is Kind.LIVELOCK else f"which {nobody} can bring about"
        return f"{front}waits in {clip(neutral(entry.operation), 20)} for {target}, {why}"
    return f"{front}waits for {target}, held by {label_of(labels, entry.owner)}"


def _joins(entry: Waiting) -> bool:
    return "join" in entry.operation
