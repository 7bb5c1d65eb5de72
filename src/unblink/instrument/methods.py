"""Which methods and builtin functions touch a container, and how.

`EFFECTS` is exact: for a type and a method, the place and the access. A receiver's type is not known when
a module is compiled, so the compiler uses `METHODS`, the most that any of the types does under that name,
and native refines it by the exact type at run time.

Writes say whether they also read: `append` needs to know nothing of the list (WRITE), `pop` does (UPDATE).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import Final, NamedTuple

from unblink.model.site import Access, Place


class Effect(NamedTuple):
    """What a method does: `place` is ITEM if its first argument is the key that it touches."""

    place: Place
    access: Access


_READ = Effect(Place.CONTAINER, Access.READ)
_WRITE = Effect(Place.CONTAINER, Access.WRITE)
_UPDATE = Effect(Place.CONTAINER, Access.UPDATE)
_READ_ITEM = Effect(Place.ITEM, Access.READ)
_WRITE_ITEM = Effect(Place.ITEM, Access.WRITE)
_UPDATE_ITEM = Effect(Place.ITEM, Access.UPDATE)


def _rows(effect: Effect, names: str) -> dict[str, Effect]:
    return dict.fromkeys(names.split(), effect)


_LIST = (
    _rows(_READ, "copy count index")
    | _rows(_WRITE, "append extend insert clear")
    | _rows(_UPDATE, "pop remove sort reverse")
)
_DEQUE = _LIST | _rows(_WRITE, "appendleft extendleft") | _rows(_UPDATE, "popleft rotate")
del _DEQUE["sort"]
_BYTEARRAY = dict(_LIST)
del _BYTEARRAY["sort"]
_DICT = (
    _rows(_READ_ITEM, "get")
    | _rows(_UPDATE_ITEM, "setdefault pop")
    | _rows(_READ, "keys values items copy")
    | _rows(_WRITE, "update clear")
    | _rows(_UPDATE, "popitem")
)
_ORDERED = _DICT | _rows(_UPDATE_ITEM, "move_to_end")
_COUNTER = _DICT | _rows(_READ, "most_common elements total") | _rows(_UPDATE, "subtract update")
_FROZENSET = _rows(_READ, "copy union intersection difference symmetric_difference isdisjoint issubset issuperset")
_SET = (
    _FROZENSET
    | _rows(_WRITE_ITEM, "add")
    | _rows(_UPDATE_ITEM, "discard remove")
    | _rows(_WRITE, "update clear")
    | _rows(_UPDATE, "pop intersection_update difference_update symmetric_difference_update")
)
EFFECTS: Final[dict[type, dict[str, Effect]]] = {
    list: _LIST,
    deque: _DEQUE,
    bytearray: _BYTEARRAY,
    dict: _DICT,
    defaultdict: _DICT,
    OrderedDict: _ORDERED,
    Counter: _COUNTER,
    set: _SET,
    frozenset: _FROZENSET,
}
"""Exact type, method name: effect. A `list` and a `deque` touch the whole of themselves in every method."""

STREAMS: Final = (
    _rows(_READ, "tell getvalue getbuffer")
    | _rows(_WRITE, "write writelines")
    | _rows(_UPDATE, "read read1 readinto readline readlines seek truncate")
)
"""Method name: effect on a stream of whatever type, whose buffer and position all who use it share."""


def _most(one: Effect, other: Effect) -> Effect:
    """Return the wider effect: keyed if either is (native drops the key), the stronger access of both."""
    return Effect(
        Place.ITEM if Place.ITEM in (one.place, other.place) else Place.CONTAINER,
        one.access if one.access == other.access else max(one.access, other.access),
    )


def _union_of_types() -> dict[str, Effect]:
    union: dict[str, Effect] = {}
    for table in (*EFFECTS.values(), STREAMS):
        for name, effect in table.items():
            union[name] = _most(union.get(name, effect), effect)
    return union


METHODS: Final[dict[str, Effect]] = _union_of_types()
"""Method name: what a site of that name is compiled as."""

READERS: Final = frozenset(
    {"len", "sorted", "sum", "list", "tuple", "set", "frozenset", "dict", "min", "max", "any", "all"}
    | {"reversed", "iter", "bool"}
)
"""Builtin functions that read the container which is their first (and, for min and max, only) argument."""

STEPPERS: Final = frozenset({"enumerate", "zip", "map", "filter"})
"""Builtin functions that read their iterables step by step, by an iterator that the program cannot see."""

FRESH: Final = READERS | STEPPERS | {"range"}
"""Builtin functions whose result no other task can know, so that iterating over it needs no hook."""
