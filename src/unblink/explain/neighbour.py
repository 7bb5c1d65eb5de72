"""The nearest passing schedule beside the failing one, from the first choice in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unblink.explain.labels import deed, label_of, place
from unblink.explain.plain_text import clip, neutral, pad
from unblink.explain.styled import LABEL, Line, labelled
from unblink.explain.vocabulary import Role, role, same_step
from unblink.model.finding import Event, Finding

_ROWS = 4


def first_difference(failing: Sequence[Event], passing: Sequence[Event]) -> int | None:
    """Return the position of the first step that differs, or None when one is the other's beginning."""
    for position, (one, other) in enumerate(zip(failing, passing, strict=False)):
        if not same_step(one, other):
            return position
    return None


def beside(finding: Finding, labels: Mapping[int, str], width: int) -> list[Line]:
    """Return `passes when …` and the steps that follow, failing at the left and passing at the right."""
    failing, passing = ([event for event in run if not event.inside] for run in (finding.events, finding.passing))
    at = first_difference(failing, passing)
    if at is None:  # then what packages do with their own locks is all there is to tell
        failing, passing = list(finding.events), list(finding.passing)
        at = first_difference(failing, passing)
    if at is None:
        return []
    lines = labelled("passes", f"when {_difference(failing[at], passing[at], labels)}", width, "fix")
    half = (width - LABEL - 3) // 2
    lines.append(Line(" " * (LABEL + 1) + pad("fails", half) + "  passes", "head"))
    for left, right in zip(_steps(failing, at, labels), _steps(passing, at, labels), strict=True):
        lines.append(Line(" " * (LABEL + 1) + pad(left, half) + "  " + clip(right, half)))
    return lines


def _difference(here: Event, there: Event, labels: Mapping[int, str]) -> str:
    """Return what happens where all goes well, `there`, instead of what happens `here`."""
    fails, passes = label_of(labels, here.task), label_of(labels, there.task)
    where = f" at {place(there.at)}" if there.at.file else ""
    if here.task != there.task:
        return f"{passes} goes on{where} ({deed(there)}) instead of {fails}"
    if role(here) is Role.STALL:
        return f"{passes} is not held back for {neutral(here.value, 40)}, after #{here.number - 1}"
    if role(there) is Role.STALL:
        return f"{passes} is held back for {neutral(there.value, 40)}, after #{here.number - 1}"
    return f"{passes} does {deed(there)}{where} after #{here.number - 1}, not {deed(here)}"


def _steps(events: Sequence[Event], start: int, labels: Mapping[int, str]) -> list[str]:
    steps = [f"{label_of(labels, event.task)}: {deed(event)}" for event in events[start : start + _ROWS]]
    return steps + [""] * (_ROWS - len(steps))
