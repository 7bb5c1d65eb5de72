"""Names for what a program shares, as its own source has them: `Counter.value`, `registry['a']`, `Store._lock`."""

from __future__ import annotations

import linecache
import re
import sys
from types import FrameType, ModuleType
from typing import Any

from unblink.ground.sources import Sources

_PLAIN = (int, float, bool, str, bytes, type(None), complex)
_LONGEST = 60
_MOST_SEARCHED = 200


def short(value: Any, depth: int = 0) -> str:
    """Return a short text for `value` that runs none of the program's code."""
    kind = type(value)
    if kind in _PLAIN:
        text = repr(value[:_LONGEST] if kind in (str, bytes) else value)
    elif kind in (list, tuple, set, frozenset, dict) and depth < 2:
        text = _collection(value, depth)
    elif isinstance(value, BaseException):
        text = f"{kind.__name__}(...)"
    elif isinstance(value, type):
        text = value.__qualname__
    elif callable(value) and isinstance(getattr(value, "__qualname__", None), str):
        text = str(value.__qualname__)
    else:
        text = f"<{kind.__name__}>"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _collection(value: Any, depth: int) -> str:
    shown: list[str] = []
    try:
        for number, item in enumerate(value.items() if type(value) is dict else value):
            if number == 5:
                shown.append("…")
                break
            if type(value) is dict:
                shown.append(f"{short(item[0], depth + 1)}: {short(item[1], depth + 1)}")
            else:
                shown.append(short(item, depth + 1))
    except RuntimeError:  # it changed while we looked, which only a thread out of control can do
        shown.append("…")
    marks = "[]" if type(value) is list else "()" if type(value) is tuple else "{}"
    return marks[0] + ", ".join(shown) + marks[1]


class Names:
    """Finds names by looking, when an operation happens, at the frames of the program that does it."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._found_names: dict[int, str] = {}
        self._bearers: dict[str, list[int]] = {}  # of a name, by identity, in the order in which they came

    def location(self, site: int, thing: Any, detail: Any) -> str:
        """Return the name of a shared location: of (object, attribute), (container, key) or a variable."""
        info = self._sources.hook(site)
        if info is None:
            return self.lock(thing, None)
        if info.place == 3:
            return str(info.name)
        if info.place == 0 or (isinstance(detail, str) and not isinstance(thing, dict | list | set)):
            owner = self._owner(thing)
            named = isinstance(thing, type | ModuleType)
            return f"{owner if named else self._numbered(owner, thing)}.{detail}"
        base = (
            self._found(thing, None)
            or self._expression(info.filename, info.line, info.column, info.end_column, info.name)
            or self._owner(thing)
        )
        return base if detail is None else f"{base}[{short(detail)}]"

    def lock(self, lock: Any, frame: FrameType | None) -> str:
        """Return the name of a lock or queue; the same for as long as the recording runs."""
        return self._found(lock, frame) or type(lock).__name__.lower().removeprefix("_")

    def _found(self, thing: Any, frame: FrameType | None) -> str | None:
        """Return the name under which the program's frames have `thing`."""
        found = self._found_names.get(id(thing))
        if found is None:
            found = self._search(thing, frame or sys._getframe(1))
            if found is not None:
                found = self._found_names[id(thing)] = self._numbered(found, thing)
        return found

    def _numbered(self, name: str, bearer: object) -> str:
        """Tell two things of one name apart: the second is `name#2`."""
        bearers = self._bearers.setdefault(name, [])
        place = next((n for n, other in enumerate(bearers) if other == id(bearer)), len(bearers))
        if place == len(bearers):
            bearers.append(id(bearer))
        return name if place == 0 else f"{name}#{place + 1}"

    def _owner(self, thing: Any) -> str:
        if isinstance(thing, ModuleType):
            return thing.__name__
        kind = thing if isinstance(thing, type) else type(thing)
        return kind.__qualname__.rpartition("<locals>.")[2]

    def _search(self, wanted: Any, frame: FrameType | None) -> str | None:
        best: str | None = None
        while frame is not None:
            if not self._sources.is_ours(frame.f_code.co_filename):
                name = _name_in(frame, wanted)
                if name is not None:
                    best = name
                    if not self._sources.is_library(frame.f_code.co_filename):
                        return name
            frame = frame.f_back
        return best

    @staticmethod
    def _expression(filename: str, line: int, start: int, end: int, name: str | None) -> str | None:
        text = linecache.getline(filename, line).encode()[start:end].decode(errors="replace")
        if not text or "\n" in text.strip():
            return None
        if name == "in":
            text = text.rpartition(" in ")[2]
        elif name is not None:
            text = re.sub(rf"\.{re.escape(name)}\b.*$", "", text)
        text = re.sub(r"\[[^\[\]]*\]$", "", text).strip()
        return text if re.fullmatch(r"[\w.\[\]'\"]+", text) else None


def _name_in(frame: FrameType, wanted: Any) -> str | None:
    for name, value in list(frame.f_locals.items()):
        if value is wanted and name not in ("self", "cls"):
            return name
    for value in list(frame.f_locals.values()):
        found = _name_within(value, wanted, 2)
        if found is not None:
            return f"{type(value).__qualname__}.{found}"
    for name, value in list(frame.f_globals.items())[:2000]:
        if value is wanted:
            return name
        if not isinstance(value, ModuleType | type):
            found = _name_within(value, wanted, 1)
            if found is not None:
                return f"{name}.{found}"
    return None


def _name_within(owner: Any, wanted: Any, depth: int) -> str | None:
    if isinstance(owner, ModuleType | type):
        return None
    try:
        attributes = object.__getattribute__(owner, "__dict__")
    except Exception:
        return None
    if type(attributes) is not dict or len(attributes) > _MOST_SEARCHED:
        return None
    for name, value in list(attributes.items()):
        if value is wanted:
            return str(name)
    if depth > 1:
        for name, value in list(attributes.items()):
            found = _name_within(value, wanted, depth - 1)
            if found is not None:
                return f"{name}.{found}"
    return None
