"""Small racing programs near the border between what the GIL allows and what it does not, all in one file.

Two threads do the same `step` on one object. `Counter`s count: a lost update is missing in `total`. `Claim`s take
something if nobody has it: two owners at a time are seen by the one that was pushed out. `ends` says what experiments on
CPython 3.13 have shown: LOST if real threads with the GIL break it, WHOLE if they do not in a million tries.
"""

from __future__ import annotations

import enum
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar


class Ends(enum.Enum):
    """What becomes of it on real threads with the GIL."""

    LOST = "lost"
    WHOLE = "whole"


class Counter:
    """Counts its steps, or fails to. `is_told` is False where no label is possible yet."""

    ends: ClassVar[Ends]
    is_told: ClassVar[bool] = True

    def __init__(self) -> None:
        self.n: Any = 0

    def step(self, me: object) -> None:
        """Count one."""
        raise NotImplementedError

    def total(self) -> int:
        """Return how many steps were counted."""
        return int(self.n)


class Claim:
    """Something that one thread at a time may have."""

    ends: ClassVar[Ends]
    is_told: ClassVar[bool] = True

    def __init__(self) -> None:
        self.owner: object = None

    def step(self, me: object) -> None:
        """Take it if it is free."""
        raise NotImplementedError

    def has(self, me: object) -> bool:
        """Whether `me` has it."""
        return self.owner is me

    def free(self) -> None:
        """Give it back."""
        self.owner = None


PROGRAMS: dict[str, type[Counter] | type[Claim]] = {}


def program(name: str) -> Callable[[type[Any]], type[Any]]:
    """Add a program to the list."""

    def add(made: type[Any]) -> type[Any]:
        PROGRAMS[name] = made
        return made

    return add


def one() -> int:
    """Return 1 from a Python function."""
    return 1


# -- nothing between the read and the write can switch ---------------------------------------------------------------


@program("attribute += 1")
class AttributePlus(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        self.n += 1


TOTAL = 0


@program("global += 1")
class GlobalPlus(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        global TOTAL
        TOTAL = 0

    def step(self, me: object) -> None:
        global TOTAL
        TOTAL += 1

    def total(self) -> int:
        return TOTAL


@program("dict item += 1")
class ItemPlus(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        self.counts = {"a": 0}

    def step(self, me: object) -> None:
        self.counts["a"] += 1

    def total(self) -> int:
        return self.counts["a"]


@program("list item += 1")
class ListItemPlus(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        self.counts = [0]

    def step(self, me: object) -> None:
        self.counts[0] += 1

    def total(self) -> int:
        return self.counts[0]


@program("closure variable += 1")
class ClosurePlus(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        count = 0

        def step(me: object) -> None:
            nonlocal count
            count += 1

        self.step = step  # type: ignore[method-assign]
        self.total = lambda: count  # type: ignore[method-assign]


@program("class attribute += 1")
class ClassPlus(Counter):
    ends = Ends.WHOLE
    counted: ClassVar[int] = 0

    def __init__(self) -> None:
        ClassPlus.counted = 0

    def step(self, me: object) -> None:
        ClassPlus.counted += 1

    def total(self) -> int:
        return ClassPlus.counted


class Slotted:
    """Has its count in a slot."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0


@program("slot += 1")
class SlotPlus(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        self.slotted = Slotted()

    def step(self, me: object) -> None:
        slotted = self.slotted
        slotted.n += 1

    def total(self) -> int:
        return self.slotted.n


@program("x = x + 1")
class ReadAndWrite(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        self.n = self.n + 1


@program("two statements")
class TwoStatements(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        n = self.n
        self.n = n + 1


@program("+= another attribute")
class PlusAttribute(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        super().__init__()
        self.by = 1

    def step(self, me: object) -> None:
        self.n += self.by


@program("call before the read")
class CallBefore(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        by = one()
        self.n = by + self.n


@program("branch between")
class BranchBetween(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        n = self.n
        if n >= 0:
            self.n = n + 1


@program("chained comparison between")
class ComparisonBetween(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        n = self.n
        if -1 < n < 1_000_000_000:
            self.n = n + 1


@program("tuple built between")
class TupleBetween(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        self.pair = (0, 0)

    def step(self, me: object) -> None:
        self.pair = (self.pair[0] + 1, 0)

    def total(self) -> int:
        return self.pair[0]


@program("f-string between")
class FormatBetween(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        n = self.n
        text = f"{n:>5}"
        self.n = n + 1 if text else n


@program("loop around")
class LoopAround(Counter):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        for by in (1, 0):
            n = self.n
            self.n = n + by


@program("two counts")
class TwoCounts(Counter):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        super().__init__()
        self.m = 0

    def step(self, me: object) -> None:
        self.n, self.m = self.n + 1, self.m + 1


@program("exception caught between")
class ExceptBetween(Counter):
    ends = Ends.WHOLE
    is_told = False

    def __init__(self) -> None:
        super().__init__()
        self.empty: dict[str, int] = {}

    def step(self, me: object) -> None:
        n = self.n
        try:
            by = self.empty["absent"]
        except KeyError:
            by = 1
        self.n = n + by


@program("claim of an attribute")
class ClaimAttribute(Claim):
    ends = Ends.WHOLE

    def step(self, me: object) -> None:
        if self.owner is None:
            self.owner = me


@program("claim of a key")
class ClaimKey(Claim):
    ends = Ends.WHOLE

    def __init__(self) -> None:
        self.owners: dict[str, object] = {}

    def step(self, me: object) -> None:
        if "owner" not in self.owners:
            self.owners["owner"] = me

    def has(self, me: object) -> bool:
        return "owner" in self.owners and self.owners["owner"] is me

    def free(self) -> None:
        del self.owners["owner"]


# -- something between can switch ------------------------------------------------------------------------------------


@program("Python call after the read")
class CallAfter(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        self.n = self.n + one()


@program("int() between")
class IntBetween(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        self.n = int(self.n) + 1


@program("len() between")
class LenBetween(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        super().__init__()
        self.ones = [1]

    def step(self, me: object) -> None:
        n = self.n
        by = len(self.ones)
        self.n = n + by


@program("set.add() between")
class AddBetween(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        super().__init__()
        self.known: set[int] = set()

    def step(self, me: object) -> None:
        n = self.n
        self.known.add(1)
        self.n = n + 1


@program("for loop between")
class ForBetween(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        for by in (1,):
            n = n + by
        self.n = n


@program("comprehension between")
class ComprehensionBetween(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        ones = [by for by in (1,)]
        self.n = n + ones[0]


@program("generator stepped between")
class NextBetween(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        ones = (by for by in (1, 1))
        n = self.n
        self.n = n + next(ones)


@program("property += 1")
class PropertyPlus(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        self._hidden = 0

    @property
    def shown(self) -> int:
        return self._hidden

    @shown.setter
    def shown(self, value: int) -> None:
        self._hidden = value

    def step(self, me: object) -> None:
        self.shown += 1

    def total(self) -> int:
        return self._hidden


@program("property read between")
class PropertyBetween(Counter):
    ends = Ends.LOST

    @property
    def by(self) -> int:
        return 1

    def step(self, me: object) -> None:
        self.n = self.n + self.by


class Lazy:
    """Has every attribute, through Python."""

    def __getattr__(self, name: str) -> int:
        return 1


@program("__getattr__ between")
class GetattrBetween(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        super().__init__()
        self.lazy = Lazy()

    def step(self, me: object) -> None:
        self.n = self.n + self.lazy.by


class Money:
    """Adds in Python."""

    def __init__(self, pence: int) -> None:
        self.pence = pence

    def __add__(self, other: int) -> Money:
        return Money(self.pence + other)

    def __radd__(self, other: int) -> int:
        return other + self.pence

    def __int__(self) -> int:
        return self.pence


PENNY = Money(1)


@program("__add__ in Python")
class AddInPython(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        self.n = Money(0)

    def step(self, me: object) -> None:
        self.n += 1


@program("__radd__ in Python")
class RaddInPython(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        self.n += PENNY


class Key:
    """Hashes in Python."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


@program("__hash__ in Python")
class HashInPython(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        self.key = Key()
        self.counts = {self.key: 0}

    def step(self, me: object) -> None:
        counts, key = self.counts, self.key
        counts[key] += 1

    def total(self) -> int:
        return self.counts[self.key]


class Place:
    """Is an index in Python."""

    def __index__(self) -> int:
        return 0


@program("__index__ in Python")
class IndexInPython(Counter):
    ends = Ends.LOST

    def __init__(self) -> None:
        self.place = Place()
        self.counts = [0]

    def step(self, me: object) -> None:
        counts, place = self.counts, self.place
        counts[place] += 1

    def total(self) -> int:
        return self.counts[0]


class Shown:
    """Formats itself in Python."""

    def __format__(self, spec: str) -> str:
        return "1"

    def __bool__(self) -> bool:
        return True

    def __lt__(self, other: int) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        yield 1

    def __contains__(self, element: int) -> bool:
        return True

    def __enter__(self) -> int:
        return 1

    def __exit__(self, *_: object) -> None:
        return None


SHOWN = Shown()


@program("__format__ in Python")
class FormatInPython(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        text = f"{SHOWN}"
        self.n = n + 1 if text else n


@program("__bool__ in Python")
class BoolInPython(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        if SHOWN:
            self.n = n + 1


@program("__lt__ in Python")
class CompareInPython(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        if SHOWN < 5:
            self.n = n + 1


@program("__contains__ in Python")
class ContainsInPython(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        if 1 in SHOWN:
            self.n = n + 1


@program("unpacking by a generator")
class UnpackInPython(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        (by,) = SHOWN
        self.n = n + by


@program("with block in Python between")
class WithBetween(Counter):
    ends = Ends.LOST

    def step(self, me: object) -> None:
        n = self.n
        with SHOWN as by:
            self.n = n + by


@program("claim by dict.get()")
class ClaimByGet(Claim):
    ends = Ends.LOST

    def __init__(self) -> None:
        self.owners: dict[str, object] = {}

    def step(self, me: object) -> None:
        if self.owners.get("owner") is None:
            self.owners["owner"] = me

    def has(self, me: object) -> bool:
        return "owner" in self.owners and self.owners["owner"] is me

    def free(self) -> None:
        del self.owners["owner"]


# -- what cannot be told from types and instructions -----------------------------------------------------------------


class Ending:
    """Has a finaliser in Python."""

    def __del__(self) -> None:
        one()


def ones() -> Iterator[int]:
    """Yield 1."""
    yield 1


@program("generator made between")
class GeneratorBetween(Counter):
    ends = Ends.WHOLE
    is_told = False

    def step(self, me: object) -> None:
        n = self.n
        made = ones()
        self.n = n + 1 if made is not None else n


@program("generator expression made between")
class ExpressionBetween(Counter):
    ends = Ends.WHOLE
    is_told = False

    def step(self, me: object) -> None:
        n = self.n
        made = (by for by in (1,))
        self.n = n + 1 if made is not None else n


@program("finaliser between")
class FinaliserBetween(Counter):
    ends = Ends.LOST
    is_told = False

    def step(self, me: object) -> None:
        ending: Ending | None = Ending()
        n = self.n
        ending = None
        self.n = n + 1 if ending is None else n


@program("while loop that ends at once")
class WhileOnce(Counter):
    ends = Ends.WHOLE
    is_told = False

    def step(self, me: object) -> None:
        n = self.n
        by = 0
        while by < 1:
            by = by + 1
        self.n = n + by


@program("while loop that goes round")
class WhileTwice(Counter):
    ends = Ends.LOST
    is_told = False

    def step(self, me: object) -> None:
        n = self.n
        by = 0
        while by < 2:
            by = by + 1
        self.n = n + 1


@program("call in the operator of the read")
class CallInOperator(Counter):
    ends = Ends.WHOLE
    is_told = False

    def step(self, me: object) -> None:
        self.n = one() + self.n


@program("object with a finaliser replaced between")
class ReplacedBetween(Counter):
    ends = Ends.LOST
    is_told = False

    def step(self, me: Any) -> None:
        here = threading.local()
        here.ending = Ending()
        n = self.n
        here.ending = None
        self.n = n + 1


@program("read in a method that has returned")
class ReadByMethod(Counter):
    ends = Ends.WHOLE
    is_told = False

    def read(self) -> int:
        return int.__index__(0) or self.n

    def step(self, me: object) -> None:
        self.n = self.read() + 1


@program("operator of an unknown type")
class UnknownOperator(Counter):
    ends = Ends.WHOLE
    is_told = False

    def __init__(self) -> None:
        super().__init__()
        self.ones = operator.itemgetter(0), 1

    def step(self, me: object) -> None:
        n = self.n
        if self.ones[0] != n:
            self.n = n + 1
