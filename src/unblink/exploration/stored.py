"""What a report calls things outside of the program's memory: files, and the tables of databases."""

from __future__ import annotations

import re
import sys
from os import readlink
from pathlib import PurePath
from typing import Any

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NO_TABLE = re.compile(r"--[^\n]*|/\*.*?\*/|\b(?:do|for)\s+update\b", re.IGNORECASE | re.DOTALL)
_NAME = r"""(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)"""
_TABLE = re.compile(rf"\b(?:from|join|into|update(?:\s+or\s+\w+)?)\s+(?:{_NAME}\s*\.\s*)?({_NAME})", re.IGNORECASE)
_BEGINS = re.compile(r"\s*(?:begin|savepoint|release|rollback|pragma)\b", re.IGNORECASE)
_ENDS = re.compile(r"\s*(?:commit|end|(rollback))\b(?!\s+(?:transaction\s+)?to\b)", re.IGNORECASE)
_SEVERAL = re.compile(rf"\bfrom\s+{_NAME}(?:\s+(?:as\s+)?\w+)?\s*,|;\s*\S", re.IGNORECASE)


def is_connection(thing: Any) -> bool:
    """Whether `thing` is a connection to a database."""
    sqlite = sys.modules.get("sqlite3")
    return sqlite is not None and isinstance(thing, sqlite.Connection)


class StoredNames:
    """Names what operations touch; follows which tables the open transaction of each connection has written."""

    def __init__(self) -> None:
        self._written: dict[int, set[str]] = {}  # by connection

    def told(self, verb: str, thing: Any, statement: Any) -> tuple[str, str]:
        """Return verb and target of an operation: on a file, by its path or descriptor, or a connection's statement."""
        if not is_connection(thing):
            return verb, _file_name(thing)
        if type(statement) is not str:
            return verb, "database"
        if ends := _ENDS.match(statement):
            tables = self._written.pop(id(thing), set())
            return ("rollback" if ends[1] else "commit"), _of(tables)
        table = only_table(statement)
        if verb != "read" and not _BEGINS.match(statement):
            self._written.setdefault(id(thing), set()).add(table or "")
        return verb, _of({table or ""})


def _of(tables: set[str]) -> str:
    table = next(iter(tables)) if len(tables) == 1 else ""
    return f"table {table}" if table else "database"


def _file_name(thing: Any) -> str:
    if isinstance(thing, bytes):
        thing = thing.decode("utf-8", "replace")
    if isinstance(thing, PurePath):
        thing = str(thing)
    if type(thing) is int:
        thing = _path_of(thing) or f"descriptor {thing}"
        if not thing.startswith("/"):
            return str(thing)
    return f"file {thing.rstrip('/').rsplit('/', 1)[-1] or thing}" if type(thing) is str else "file"


def _path_of(descriptor: int) -> str:
    try:
        path = readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""
    return path.removesuffix(" (deleted)") if path.startswith("/") else ""


def only_table(sql: str) -> str | None:
    """Return the one table that a statement is about; None where there are others, or none is seen."""
    plain = _NO_TABLE.sub(" ", _LITERAL.sub("''", sql))
    found = {name.strip('"`[]').lower(): name.strip('"`[]') for name in _TABLE.findall(plain)}
    return next(iter(found.values())) if len(found) == 1 and not _SEVERAL.search(plain) else None
