"""The loop of a livelock: the shortest run of steps that the end of an execution repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unblink.explain.plain_text import count
from unblink.explain.styled import Line, labelled
from unblink.model.finding import Event

_LONGEST = 200
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Loop:
    """`length` steps from position `start` on, run `times` times until the end."""

    start: int
    length: int
    times: int


def find_loop(events: Sequence[Event]) -> Loop | None:
    """Return the loop in which `events` end, or None when no run of steps repeats three times."""
    steps = [(event.task, event.operation, event.target, event.at.file, event.at.line) for event in events]
    for length in range(1, min(_LONGEST, len(steps) // _REPEATS) + 1):
        matching = 0
        for position in range(len(steps) - 1, length - 1, -1):
            if steps[position] != steps[position - length]:
                break
            matching += 1
        times = matching // length + 1
        if times >= _REPEATS:
            return Loop(len(steps) - times * length, length, times)
    return None


def loop_line(loop: Loop | None, events: Sequence[Event], width: int) -> list[Line]:
    """Return the sentence that tells the loop."""
    if loop is None:
        return []
    first, last = events[loop.start], events[loop.start + loop.length - 1]
    steps = f"#{first.number}" if loop.length == 1 else f"#{first.number}-#{last.number}"
    text = f"{count(loop.length, 'step')} ({steps}) repeated {loop.times} times to the end, without progress"
    return labelled("loop", text, width)
