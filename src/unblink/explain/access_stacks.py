"""How the tasks of a race came to their accesses."""

from __future__ import annotations

from collections.abc import Mapping

from unblink.explain.labels import full_place, label_of
from unblink.explain.plain_text import clip, count, neutral, pad
from unblink.explain.styled import Line
from unblink.model.finding import Finding

_FRAMES = 8


def access_stacks(finding: Finding, labels: Mapping[int, str], width: int) -> list[Line]:
    """Return the stack of each racing access, the innermost frame first; nothing where the line itself is all of it."""
    if all(len(stack.frames) < 2 for stack in finding.stacks):
        return []
    by_number = {event.number: event for event in finding.events}
    lines: list[Line] = []
    for stack in finding.stacks:
        event = by_number.get(stack.event)
        if event is None:
            continue
        lines.append(Line(clip(f"  stack of {label_of(labels, event.task)} at #{event.number}:", width), "head"))
        inwards = stack.frames[::-1]
        for at in inwards[:_FRAMES]:
            lines.append(Line(clip(f"      {pad(full_place(at), 44)}  {neutral(at.text.strip(), 120)}", width)))
        if len(inwards) > _FRAMES:
            lines.append(Line(f"      … {count(len(inwards) - _FRAMES, 'outer frame')} not shown", "gap"))
    return lines
