"""Checks of values that came from JSON: each returns the value in its type or names where it is wrong.

`path` is the JSON path of the value (`$.schedule[1].occurrence`), so that a person can find it in the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar, cast

from unblink.model.errors import UsageError

MAX_STRING = 4096  # bytes of UTF-8
AGAIN = "make the witness again with `pytest --race`"
MAX_NUMBER = 10**12
_CUT = " […]"
_Wanted = TypeVar("_Wanted")


def invalid(path: str, fact: str) -> UsageError:
    """Return the error for a value that a witness cannot hold. `path` says where it stands."""
    return UsageError("witness-invalid", f"not a valid witness: {path}: {fact}", AGAIN)


def too_large(path: str, fact: str) -> UsageError:
    """Return the error for a value of an absurd size."""
    return UsageError("witness-too-large", f"the witness is too large: {path}: {fact}", AGAIN)


def plain_line(text: str) -> str:
    """Return `text` as a witness keeps it: control characters escaped, cut to `MAX_STRING` bytes.

    Whoever names sites passes the line of source through here, so that a line with a raw escape character in
    it is still found at replay. Idempotent.
    """
    if _has_control(text):
        text = "".join(_escaped(character) for character in text)
    if len(text) * 4 <= MAX_STRING or _size(text) <= MAX_STRING:
        return text
    kept = text.encode("utf-8")[: MAX_STRING - _size(_CUT)]
    return kept.decode("utf-8", "ignore") + _CUT


def fields_of(value: object, path: str, names: str) -> Mapping[str, object]:
    """Return the object `value`, which must have exactly the keys in `names`."""
    found, wanted = object_of(value, path), names.split()
    for name in wanted:
        if name not in found:
            raise invalid(f"{path}.{name}", "missing")
    for name in found:
        if name not in wanted:
            raise invalid(f"{path}.{shown(name)}", "unknown key")
    return found


def object_of(value: object, path: str) -> Mapping[str, object]:
    """Return `value`, which must be an object."""
    return cast("Mapping[str, object]", _typed(value, path, dict, "an object"))


def list_of(value: object, path: str, most: int) -> list[object]:
    """Return `value`, which must be a list of at most `most` entries."""
    entries = cast("list[object]", _typed(value, path, list, "a list"))
    if len(entries) > most:
        raise too_large(path, f"{len(entries)} entries, more than {most}")
    return entries


def string_of(value: object, path: str, *, empty: bool = True) -> str:
    """Return `value`, which must be a text without control characters and, unless `empty`, not empty."""
    text = _typed(value, path, str, "a text")
    if len(text) > MAX_STRING or _size(text) > MAX_STRING:
        raise too_large(path, f"a text of more than {MAX_STRING} bytes")
    if not text and not empty:
        raise invalid(path, "empty")
    if _has_control(text):
        raise invalid(path, f"control characters in {shown(text)}")
    return text


def integer_of(value: object, path: str, low: int, high: int) -> int:
    """Return `value`, which must be a whole number from `low` to `high`; a boolean is none."""
    number = _typed(value, path, int, "a whole number")
    if not low <= number <= high:
        raise invalid(path, f"{shown(number)} is not between {low} and {high}")
    return number


def number_of(value: object, path: str, low: float = 0.0) -> float:
    """Return `value`, which must be a finite number from `low` to `MAX_NUMBER`."""
    if type(value) is int and abs(value) <= MAX_NUMBER:
        value = float(value)
    if type(value) is not float or not math.isfinite(value):
        raise invalid(path, f"{shown(value)} is not a finite number")
    if not low <= value <= MAX_NUMBER:
        raise invalid(path, f"{shown(value)} is not between {low:g} and {MAX_NUMBER:g}")
    return value


def shown(value: object, most: int = 40) -> str:
    """Return `value` short and in ASCII, fit for an error message. A huge number or text is only begun."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a huge number"
    if isinstance(value, str):
        value = value[:most]
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return ascii(value)


def _typed(value: object, path: str, wanted: type[_Wanted], name: str) -> _Wanted:
    if type(value) is not wanted:
        raise invalid(path, f"{shown(value)} is not {name}")
    return value


def _has_control(text: str) -> bool:
    return not text.isprintable() and any(_is_control(character) for character in text)


def _is_control(character: str) -> bool:
    code = ord(character)
    return (code < 0x20 and character not in "\n\t") or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


def _escaped(character: str) -> str:
    if not _is_control(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
