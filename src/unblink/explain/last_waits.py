"""Events for the operations in which tasks still wait at the end, where the recording has none.

A recorder may note an operation when it is tried or when it is done. One that is never done has no event
then, and a deadlock would be shown without the very steps in which its tasks got stuck.
"""

from __future__ import annotations

from dataclasses import replace

from unblink.explain.vocabulary import BLOCKING, role, verb
from unblink.model.finding import Event, Finding, Waiting


def with_last_waits(finding: Finding) -> Finding:
    """Return `finding` with an event at the end for every waiting task whose last event is another."""
    last = {event.task: event for event in finding.events}
    missing = [entry for entry in finding.waiting if entry.stack and not _is_shown(last.get(entry.task), entry)]
    if not missing:
        return finding
    number = finding.events[-1].number if finding.events else 0
    seconds = finding.events[-1].seconds if finding.events else 0.0
    added = [
        Event(
            number + index,
            entry.task,
            entry.operation,
            entry.target,
            entry.stack[0],
            held=tuple(dict.fromkeys(other.target for other in finding.waiting if _holds(entry, other))),
            seconds=seconds,
        )
        for index, entry in enumerate(missing, 1)
    ]
    return replace(finding, events=(*finding.events, *added))


def _is_shown(event: Event | None, entry: Waiting) -> bool:
    """Return whether the task's last event is the operation in which it waits."""
    if event is None or role(event) not in BLOCKING:
        return False
    return event.target == entry.target or (verb(event) in entry.operation and event.at == entry.stack[0])


def _holds(entry: Waiting, other: Waiting) -> bool:
    """Return whether the task of `entry` holds what `other` waits for; whoever joins waits for no lock."""
    return other.owner == entry.task and "join" not in other.operation
