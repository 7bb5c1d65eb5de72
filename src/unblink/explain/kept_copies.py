"""Copies that a task keeps to itself from one critical section to a later one, while another task was in between.

No other task ever touches the copy, so no access to it races. But it was made of what the lock guards: what another
task did under the lock meanwhile, it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from unblink.explain.vocabulary import WRITING, Role, is_named_there, role
from unblink.model.finding import Event


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """`write` made the copy after `source` was left, `missed` is where another task entered, `read` uses the copy."""

    source: Event
    write: Event
    missed: Event
    read: Event


def kept_copy(events: Sequence[Event], place_of: Callable[[Event], Hashable]) -> KeptCopy | None:
    """Return the last such use of a copy, or None.

    `place_of` tells the private location of an access; None for whatever is none. The lock must have been taken by the
    copy's task before the copy was made, by another task after that, and be held or taken again by the first when
    it reads the copy, which has its value still. The locks of a library (of a logger's handler) guard nothing of it.
    """
    copies: dict[Hashable, tuple[Event, dict[str, Event]]] = {}
    entered: dict[int, dict[str, Event]] = {}  # by task: lock -> where it was taken last
    missed: dict[Hashable, tuple[Event, Event]] = {}  # by place: where the source was left, and who came then
    found = None
    for event in events:
        kind = role(event)
        if kind is Role.ACQUIRE and event.value != "timed out" and is_named_there(event):
            entered.setdefault(event.task, {})[event.target] = event
            for place, (write, sources) in copies.items():
                if event.task != write.task and event.target in sources:
                    missed[place] = (sources[event.target], event)
        place = place_of(event)
        if place is None:
            continue
        if kind in WRITING:
            copies[place] = (event, dict(entered.get(event.task, {})))
            missed.pop(place, None)
        elif kind is Role.READ and place in missed and copies[place][0].value == event.value:
            source, other = missed[place]
            again = entered.get(event.task, {}).get(source.target)
            if again is not None and again.number > other.number:
                found = KeptCopy(source, copies[place][0], other, event)
    return found
