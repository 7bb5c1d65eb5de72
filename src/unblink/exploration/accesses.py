"""Accesses of one execution by the places that they touch: what several tasks share, and which two raced.

Accesses are known by the numbers of their events. A place is an object and a part of it, None for the whole.
"""

from __future__ import annotations

from unblink.exploration.observation import RacingPair

_Place = tuple[int, object]


class Accesses:
    """Takes down accesses as they come; answers when the execution is over."""

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}  # by number
        self._things: dict[int, int] = {}  # by number: the object that was asked, which may not be the place's
        self._visitors: dict[_Place, set[int]] = {}
        self._parts: dict[int, set[_Place]] = {}  # of an object: the places seen
        self._written: set[_Place] = set()
        self._passes: dict[tuple[int, int], list[int]] = {}  # by task and site
        self._shared: dict[_Place, bool] = {}

    def note(self, number: int, task: int, site: int, thing: int, place: _Place, *, writes: bool) -> None:
        """Take down an access; `thing` is the identity of the object that the program names."""
        self._places[number] = place
        self._things[number] = thing
        self._passes.setdefault((task, site), []).append(number)
        self._visitors.setdefault(place, set()).add(task)
        self._parts.setdefault(place[0], set()).add(place)
        if writes:
            self._written.add(place)

    def that_raced(self, pair: RacingPair) -> tuple[int, int] | None:
        """Return the two accesses of a pair that stand closest together."""
        firsts = self._passes.get((pair.first_task, pair.first), ())
        for second in self._passes.get((pair.second_task, pair.second), ()):
            for first in reversed(firsts):
                if first < second and self._overlap(first, second):
                    return first, second
        return None

    def _overlap(self, first: int, second: int) -> bool:
        """Whether two accesses are of one object, and of the same of it or one of them of all of it.

        An attribute that a class gives may be read of the class and written to the object: that is one place.
        """
        (one, this), (other, that) = self._places[first], self._places[second]
        same = one == other or self._things[first] == self._things[second]
        return same and (this == that or this is None or that is None)

    def is_shared(self, number: int) -> bool:
        """Whether several tasks came to where this access went, and one of them wrote; so too of what is no access."""
        place = self._places.get(number)
        if place is None:
            return True
        known = self._shared.get(place)
        if known is None:
            thing, part = place
            overlapping = self._parts[thing] if part is None else {place, (thing, None)}
            visitors = set[int]().union(*(self._visitors.get(each, ()) for each in overlapping))
            known = self._shared[place] = len(visitors) > 1 and not self._written.isdisjoint(overlapping)
        return known

    def private(self) -> dict[int, _Place]:
        """Return the places of the accesses that are not shared."""
        return {number: place for number, place in self._places.items() if not self.is_shared(number)}
