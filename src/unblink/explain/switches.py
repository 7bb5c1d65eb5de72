"""Where an execution goes from one task to another, and why.

A switch is told by the events alone: the preempted event carries a mark; a task that blocks says so by its
operation; a task that has ended has no event any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unblink.explain.labels import deed, label_of, place
from unblink.explain.plain_text import neutral
from unblink.explain.vocabulary import BLOCKING, Role, role
from unblink.model.finding import Event, Finding


def switches(finding: Finding, labels: Mapping[int, str]) -> dict[int, str]:
    """Return the switches of the failing execution by the number of the event that they come before."""
    found: dict[int, str] = {}
    upcoming = _upcoming(finding.events)
    waiting = {entry.task: f"{entry.operation} {entry.target}" for entry in finding.waiting}
    for position, event in enumerate(finding.events[1:], 1):
        before = finding.events[position - 1]
        if role(event) is Role.STALL:
            found[event.number] = _stalled(event, labels)
        elif event.task != before.task and role(before) is not Role.STALL:
            reason = _reason(before, upcoming[position - 1], waiting.get(before.task))
            text = reason.replace("{name}", label_of(labels, before.task)) or f"to {label_of(labels, event.task)}"
            found[event.number] = f"switch ({text})"
    return found


def _upcoming(events: Sequence[Event]) -> list[Event | None]:
    """Return for each event the next one of the same task."""
    following: list[Event | None] = []
    nearest: dict[int, Event] = {}
    for event in reversed(events):
        following.append(nearest.get(event.task))
        nearest[event.task] = event
    following.reverse()
    return following


def _reason(before: Event, then: Event | None, waits_for: str | None) -> str:
    """Return why the task of `before` does not go on, or nothing when the events do not say."""
    if then is not None and then.preempts:
        return f"{{name}} is preempted before {deed(then)} at {place(then.at)}"
    if role(before) is Role.END:
        return "{name} has ended"
    if role(before) is Role.SLEEP:
        return "{name} sleeps"
    if then is None and waits_for:
        return f"{{name}} waits: {neutral(waits_for, 60)}"
    blocked = before if role(before) in BLOCKING and role(before) is not Role.PUT else then
    return f"{{name}} waits: {deed(blocked)}" if blocked is not None and role(blocked) in BLOCKING else ""


def _stalled(event: Event, labels: Mapping[int, str]) -> str:
    length = f" {neutral(event.value, 30)}" if event.value else ""
    return f"stall ({label_of(labels, event.task)} is held back{length} before {place(event.at)})"
