"""What a report calls things outside of the program's memory: files, and the tables of databases."""

from __future__ import annotations

import re
import sys
from pathlib import PurePath
from typing import Any

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NO_TABLE = re.compile(r"--[^\n]*|/\*.*?\*/|\b(?:do|for)\s+update\b", re.IGNORECASE | re.DOTALL)
_NAME = r"""(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)"""
_TABLE = re.compile(rf"\b(?:from|join|into|update(?:\s+or\s+\w+)?)\s+(?:{_NAME}\s*\.\s*)?({_NAME})", re.IGNORECASE)
_SEVERAL = re.compile(rf"\bfrom\s+{_NAME}(?:\s+(?:as\s+)?\w+)?\s*,|;\s*\S", re.IGNORECASE)


def stored_name(thing: Any, statement: Any) -> str:
    """Return what a report calls a file, by its path or descriptor, or what a connection's statement touches."""
    if isinstance(thing, bytes):
        thing = thing.decode("utf-8", "replace")
    if isinstance(thing, PurePath):
        thing = str(thing)
    if type(thing) is str:
        return f"file {thing.rstrip('/').rsplit('/', 1)[-1] or thing}"
    if type(thing) is int:
        return f"descriptor {thing}"
    sqlite = sys.modules.get("sqlite3")
    if sqlite is None or not isinstance(thing, sqlite.Connection):
        return "file"
    table = only_table(statement) if type(statement) is str else None
    return "database" if table is None else f"table {table}"


def only_table(sql: str) -> str | None:
    """Return the one table that a statement is about; None where there are others, or none is seen."""
    plain = _NO_TABLE.sub(" ", _LITERAL.sub("''", sql))
    found = {name.strip('"`[]').lower(): name.strip('"`[]') for name in _TABLE.findall(plain)}
    return next(iter(found.values())) if len(found) == 1 and not _SEVERAL.search(plain) else None
