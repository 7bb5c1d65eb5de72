"""The hooks in pure Python: the reference for what `unblink.instrument.protocol` asks of native."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import pytest

from unblink.instrument import HOOKS, Flag, SiteTuple, compile_instrumented, installed_hooks
from unblink.model.site import Access, Place

_NO_KEY = object()


class Register:
    """A registry that keeps what it was given; the first site has the number 1000."""

    def __init__(self) -> None:
        self.sites: list[SiteTuple] = []
        self.files: list[str] = []

    def register_sites(self, filename: str, sites: Sequence[SiteTuple]) -> int:
        base = 1000 + len(self.sites)
        self.files.append(filename)
        self.sites.extend(sites)
        return base

    def __getitem__(self, number: int) -> SiteTuple:
        return self.sites[number - 1000]


@dataclass(frozen=True, slots=True)
class Entry:
    """A pending operation."""

    number: int
    frame: FrameType
    obj: Any
    key: Any


class ReferenceHooks:
    """Does what the protocol says, and keeps each operation as a line: `WRITE ITEM 'k'`."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.operations: list[str] = []
        self.targets: list[Any] = []
        self.pending: list[Entry] = []
        self.on_point: Callable[[str], None] = lambda operation: None

    def mapping(self) -> dict[str, Any]:
        return {name: getattr(self, name.strip("_").removeprefix("unblink_")) for name in HOOKS}

    def _perform(self, number: int, frame: FrameType, obj: Any, key: Any = _NO_KEY) -> None:
        place, access, name, *_, flags = self.register[number]
        what = repr(key) if place == Place.ITEM and key is not _NO_KEY else name
        via = f" by {name}" if place == Place.ITEM and name else ""
        operation = f"{Access(access).name} {Place(place).name} {what}{via}"
        self.operations.append(operation)
        self.targets.append(obj)
        if flags & Flag.OPENS_PAIR:
            assert self.register[number + 1][7] & Flag.CLOSES_PAIR
            self.pending.append(Entry(number + 1, frame, obj, key))
        self.on_point(operation)

    def r(self, obj: Any, number: int) -> Any:
        assert self.register[number][:2] == (Place.ATTRIBUTE, Access.READ)
        self._perform(number, sys._getframe(1), obj)
        return obj

    def w(self, obj: Any, number: int) -> Any:
        assert self.register[number][:2] == (Place.ATTRIBUTE, Access.WRITE)
        self._perform(number, sys._getframe(1), obj)
        return obj

    def k(self, key: Any, number: int, container: Any) -> Any:
        assert self.register[number][0] == Place.ITEM
        self._perform(number, sys._getframe(1), container, key)
        return key

    def m(self, container: Any, number: int, key: Any = _NO_KEY) -> Any:
        self._perform(number, sys._getframe(1), container, key)
        return container

    def a(self, value: Any, number: int, obj: Any, key: Any = _NO_KEY) -> Any:
        self._perform(number, sys._getframe(1), obj, key)
        return value

    def p(self, obj: Any, number: int, key: Any = _NO_KEY) -> Any:
        self.pending.append(Entry(number, sys._getframe(1), obj, key))
        return obj

    def q(self, value: Any, number: int) -> Any:
        entry = self._take(number, frame := sys._getframe(1))
        if entry is not None:
            self._perform(number, frame, entry.obj, value if entry.key is _NO_KEY else entry.key)
        return value

    def _take(self, number: int, frame: FrameType) -> Entry | None:
        for index in reversed(range(len(self.pending))):
            entry = self.pending[index]
            if entry.number == number and entry.frame is frame:
                above = self.pending[index + 1 :]
                self.pending[index:] = [one for one in above if self.register[one.number][7] & Flag.SUSPENDS]
                return entry
        return None

    def g(self, number: int, cell: Any = None) -> None:
        self._variable(number, cell)

    def s(self, value: Any, number: int, cell: Any = None) -> Any:
        self._variable(number, cell)
        return value

    def _variable(self, number: int, cell: Any) -> None:
        assert bool(self.register[number][7] & Flag.CLOSURE) == (cell is not None)
        target = self.register[number][2] if cell is None else cell.__closure__[0]
        assert cell is None or len(cell.__closure__) == 1
        self._perform(number, sys._getframe(2), target)

    def i(self, iterable: Any, number: int) -> Any:
        frame = sys._getframe(1)

        def steps() -> Iterator[Any]:
            iterator = iter(iterable)
            while True:
                self._perform(number, frame, iterable)
                try:
                    value = next(iterator)
                except StopIteration:
                    return
                yield value

        return steps() if isinstance(iterable, list | dict | set) else iterable


class Instrumented:
    """Runs source with the reference hooks in place."""

    def __init__(self) -> None:
        self.register = Register()
        self.hooks = ReferenceHooks(self.register)

    def code(self, source: str, *, hook_module_level: bool = False, filename: str = "<source>") -> CodeType:
        compiled = compile_instrumented(source, filename, hook_module_level=hook_module_level)
        return compiled.ready(self.register)

    def module(self, source: str, **names: Any) -> dict[str, Any]:
        """Run `source` as a module that has `names`; return its namespace."""
        namespace: dict[str, Any] = {"__name__": "instrumented", **names}
        exec(self.code(source), namespace)
        return namespace

    def operations(self, statements: str, **names: Any) -> list[str]:
        """Run `statements` as a function's body with `names` as parameters; return its operations."""
        body = "\n".join(f"    {line}" for line in statements.splitlines())
        function = self.module(f"def function({', '.join(names)}):\n{body}")["function"]
        self.hooks.operations.clear()
        self.result = function(**names)
        return list(self.hooks.operations)


@pytest.fixture
def instrumented() -> Iterator[Instrumented]:
    """Source compiled with hooks, and the reference hooks in place."""
    it = Instrumented()
    with installed_hooks(it.hooks.mapping()):
        yield it
