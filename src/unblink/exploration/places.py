"""What an operation has come to: which place it is for as long as the execution lasts, and what is there now."""

from __future__ import annotations

import sys
from collections import deque
from types import FunctionType, ModuleType
from typing import Any

MISSING = object()
"""What `current_value` returns where nothing is, or where looking would run code of the program."""


def place_of(thing: Any, detail: Any) -> tuple[int, object]:
    """Return what names a location for as long as the execution lasts: the object that has it, and what of it."""
    if not isinstance(detail, str | int | None):
        return id(thing), repr(type(detail))
    if isinstance(detail, str) and type(thing) is FunctionType and thing.__closure__:
        return id(thing.__closure__[0]), detail
    if isinstance(detail, int) and detail < 0 and type(thing) in (list, deque, bytearray):
        return id(thing), detail + len(thing)
    if isinstance(detail, str) and not isinstance(thing, type | ModuleType | dict | list | set | str):
        return _owner_of(thing, detail), detail
    return id(thing), detail


def _owner_of(thing: Any, name: str) -> int:
    """Return the identity of what has the attribute: the object, or a class where the object has none of its own."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return id(thing)
    if name in own:
        return id(thing)
    return next((id(base) for base in type(thing).__mro__ if name in vars(base)), id(thing))


def current_value(thing: Any, detail: Any) -> Any:
    """Return what is at a location now, running none of the program's code."""
    if isinstance(thing, ModuleType):
        return vars(thing).get(detail, MISSING)
    if type(thing) is str and isinstance(detail, str):  # a module's variable, by the file of the module
        found = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == thing), None)
        return MISSING if found is None else vars(found).get(detail, MISSING)
    if isinstance(detail, str) and type(thing).__name__ == "function" and thing.__closure__:
        try:
            return thing.__closure__[0].cell_contents
        except ValueError:
            return MISSING
    if type(thing) in (dict, list, set) or isinstance(thing, dict | list):
        if detail is None:
            return thing
        return _item(thing, detail)
    if isinstance(thing, type):
        return vars(thing).get(detail, MISSING)
    if isinstance(detail, str) and not isinstance(thing, str):
        try:
            return object.__getattribute__(thing, detail)
        except Exception:
            return MISSING
    return MISSING


def _item(container: Any, key: Any) -> Any:
    """Return an item by the type's own look-up: a subclass may compute it, or put in what is missing."""
    try:
        if isinstance(container, dict):
            return dict.get(container, key, MISSING)
        return list.__getitem__(container, key) if isinstance(container, list) else key in container
    except Exception:
        return MISSING
