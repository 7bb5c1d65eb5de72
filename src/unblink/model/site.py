"""Where a visible operation stands in the source, and what it does there.

A `Site` is what the instrumentation knows of one hook when it compiles a module. A `SiteName` is how a
witness names a site: by what a person sees (function, text of the line, operation), never by a line
number or an offset, so that it survives an added print, a moved line and another Python.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

ANY = "…"
"""At the end of an operation: whatever the library does within that function."""

_THREAD = "Thread._bootstrap_inner"


class Place(enum.IntEnum):
    """The kind of shared location that a site touches. The engine knows these numbers."""

    ATTRIBUTE = 0  # (object, attribute name)
    ITEM = 1  # (container, key)
    CONTAINER = 2  # the container as a whole: its length, its order, its set of keys
    VARIABLE = 3  # a module global or a closure variable that some function rebinds


class Access(enum.IntEnum):
    """Whether a site reads or writes its location. The engine knows these numbers."""

    READ = 0
    WRITE = 1
    UPDATE = 2  # reads and writes in one step that no other task can divide: `d.setdefault`, `xs.pop`


@dataclass(frozen=True, slots=True)
class Site:
    """One hook in one instrumented module, as the compiler saw it.

    `name` is the attribute, method or variable (`None` for a subscript); `line` counts from 1, `column`
    and `end_column` from 0 in UTF-8 bytes, as in `ast`; `function` is the qualified name of the enclosing
    function, or `<module>`.
    """

    place: Place
    access: Access
    name: str | None
    line: int
    column: int
    end_column: int
    function: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of source as a report shows it."""

    file: str
    line: int
    function: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class SiteName:
    """A site as a witness names it; see the module's docstring.

    `text` is the stripped line of source; `operation` says what is done there (`write value`,
    `lock.acquire in Queue.put`); `index` counts sites of one function that are alike in all of that, from 0.
    """

    file: str
    function: str
    text: str
    operation: str
    index: int = 0

    def loosened(self) -> SiteName:
        """Return the name for another Python's library: by its function that the program calls, and no line of it.

        Below a thread's start that function says nothing: there all of them count. A name without any function of the
        library stays as it is.
        """
        verb, found, inner = self.operation.partition(" in ")
        if not found or self.operation.endswith(ANY):
            return self
        functions = inner.partition(":")[0].split(" (")[0]
        chosen = functions if functions.startswith(_THREAD) else functions.split(" > ")[0]
        return replace(self, operation=f"{verb} in {chosen}{ANY}")

    def does(self, operation: str) -> bool:
        """Whether `operation` is what this name says is done."""
        if self.operation.endswith(ANY):
            return operation.startswith(self.operation[: -len(ANY)])
        return operation == self.operation
