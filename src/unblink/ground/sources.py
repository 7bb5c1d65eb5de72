"""Where in the program a site stands, and how a witness names it."""

from __future__ import annotations

import dis
import linecache
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from types import CodeType

from unblink.model.site import SiteName, SourceLine


@dataclass(frozen=True, slots=True)
class Hook:
    """What the instrumentation said of a site; see `model.site.Site`."""

    filename: str
    line: int
    column: int
    end_column: int
    function: str
    place: int
    access: int
    name: str | None
    flags: int


FIRST_SITE = 3
"""The smaller numbers are no places in the source: none, the end of a task, the import system."""

JOIN = "Thread.join"
_VERBS = ("read", "write", "update")


class Sources:
    """Answers for sites by number; formatted only when asked, never while an execution runs.

    `root` is the directory against which file names are made relative.
    """

    def __init__(self, root: str) -> None:
        from unblink import _native

        self._native = _native
        self._start = os.getcwd()
        self._root = os.path.abspath(root)
        from unblink.ground.control import library_prefixes

        self._library = tuple(library_prefixes())
        self._ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
        self._lines: dict[int, SourceLine] = {}
        self._names: dict[int, SiteName] = {}
        self._files: set[str] = set()
        self._files_up_to = FIRST_SITE

    def line(self, site: int) -> SourceLine:
        """Return the line of the program at which `site` stands."""
        found = self._lines.get(site)
        if found is None:
            found = self._lines[site] = self._line(site)
        return found

    def operation(self, site: int) -> str:
        """Return what is done at `site`, in words that do not depend on the version of Python."""
        info = self._native.site_info(site)
        if len(info) == 9:
            what = info[7] if info[7] is not None else "item"
            return f"{_VERBS[info[6]]} {what}"
        operation: str = self._native.OPERATIONS[info[0]]
        if len(info[1]) == 1 and operation in _VERBS and _leaves_with(*info[1][0]):
            return f"{operation} on leaving"  # where a `with` opens a file something is done, too
        return _call(operation, info[1][:-1])

    def name(self, site: int) -> SiteName:
        """Return the name by which a witness knows `site`."""
        found = self._names.get(site)
        if found is None:
            found = self._names[site] = self._name(site)
        return found

    def hook(self, site: int) -> Hook | None:
        """Return what the instrumentation said of `site`, or None where it is a call's."""
        info = self._native.site_info(site) if site >= FIRST_SITE else ()
        return Hook(*info) if len(info) == 9 else None

    def called(self, site: int) -> CodeType | None:
        """Return the library's function that the program calls at a call's site, or None if it calls C itself."""
        info = self._native.site_info(site) if site >= FIRST_SITE else (None, ())
        if len(info) != 2 or len(info[1]) < 2:
            return None
        code: CodeType = info[1][-2][0]
        return code

    def file(self, site: int) -> str:
        """Return the name of the file in which `site` stands, as its code has it."""
        return self._position(site)[0]

    def function(self, site: int) -> str:
        """Return the name of the function in which `site` stands."""
        return self._position(site)[3]

    def instrumented_files(self) -> list[str]:
        """Return the files of the program whose variables are watched."""
        return sorted(self._instrumented())

    def is_own(self, filename: str) -> bool:
        """Whether the user writes it: it is of no library, and of no installed package unless that is instrumented."""
        if filename.startswith("<") or self.is_foreign(filename):
            return False
        return "-packages" + os.sep not in filename or filename in self._instrumented()

    def frame_line(self, code: CodeType, line: int) -> SourceLine:
        """Return a line of a frame."""
        return SourceLine(
            self.relative(code.co_filename), line, _function(code.co_qualname), _text(code.co_filename, line)
        )

    def is_library(self, filename: str) -> bool:
        """Whether a file belongs to the standard library or to the test runner."""
        return filename.startswith("<frozen ") or any(
            filename.startswith(prefix) and "-packages" + os.sep not in filename[len(prefix) :]
            for prefix in self._library
        )

    def is_ours(self, filename: str) -> bool:
        """Whether a file is unblink's own."""
        return filename.startswith(self._ours)

    def may_be(self, site: int, name: SiteName) -> bool:
        """Whether `site` can be the one called `name`: a quick look before the name is made."""
        filename, line, _, function = self._position(site)
        return (
            function == name.function
            and name.does(self.operation(site))
            and self.relative(filename) == name.file
            and _code(filename, line) == name.text
        )

    def is_called(self, site: int, name: SiteName) -> bool:
        """Whether `site` is the one called `name`, of which `may_be` is true."""
        return self.name(site).index == name.index

    def is_foreign(self, filename: str) -> bool:
        """Whether a file is no part of the program under test."""
        return self.is_ours(filename) or self.is_library(filename)

    def relative(self, filename: str) -> str:
        """Return `filename` as reports and witnesses show it."""
        # Asked while a program runs, which may have changed its directory, or replaced the functions that look at it.
        path = os.path.normpath(os.path.join(self._start, filename))
        if path.startswith(self._root + os.sep):
            return path[len(self._root) + 1 :]
        for marker in ("site-packages" + os.sep, "dist-packages" + os.sep):
            _, found, rest = path.partition(marker)
            if found:
                return rest
        return os.path.basename(path) if not filename.startswith("<") else filename

    def _instrumented(self) -> set[str]:
        for site in range(self._files_up_to, self._native.site_count()):
            info = self._native.site_info(site)
            if len(info) == 9 and not self.is_foreign(info[0]):
                self._files.add(info[0])
        self._files_up_to = self._native.site_count()
        return self._files

    def _line(self, site: int) -> SourceLine:
        filename, line, _, function = self._position(site)
        return SourceLine(self.relative(filename), line, function, _text(filename, line))

    def _name(self, site: int) -> SiteName:
        filename, line, _, function = self._position(site)
        operation = self.operation(site)
        text = _code(filename, line)
        first, rank = self._rank(site)
        alike = sum(_code(filename, earlier) == text for earlier in range(first, line))
        return SiteName(self.relative(filename), function, text, operation, alike * 100 + rank)

    def _rank(self, site: int) -> tuple[int, int]:
        """Return the first line of the site's function, and which of the operations on its line it is."""
        if site < FIRST_SITE:
            return (0, 0)
        info = self._native.site_info(site)
        if len(info) == 9:
            first = info[1] - 200 if info[4] != "<module>" else 1
            return (_function_start(info[0], info[1], max(first, 1)), self._rank_of_hook(site, info))
        if not info[1]:
            return (0, 0)
        code, instruction = info[1][-1]
        return (code.co_firstlineno, _rank_in(code, instruction))

    def _rank_of_hook(self, site: int, info: tuple[object, ...]) -> int:
        """Count the hooks before this one that do the same on the same line."""
        rank = 0
        for other in range(site - 1, max(site - 60, 1), -1):
            before = self._native.site_info(other)
            if len(before) != 9 or before[:2] != info[:2]:
                break
            rank += before[4:8] == info[4:8]
        return rank

    def _position(self, site: int) -> tuple[str, int, int, str]:
        if site < FIRST_SITE:
            return ("<end>", 0, 0, "end")
        info = self._native.site_info(site)
        if len(info) == 9:
            return (info[0], info[1], info[2], _function(info[4]))
        if not info[1]:
            return ("<native>", 0, 0, "native")
        code, instruction = info[1][-1]
        line, column = _place_in(code, instruction)
        return (code.co_filename, line, column, _function(code.co_qualname))


def _function(qualname: str) -> str:
    """Return a function's name: from 3.12 on these comprehensions are no functions of their own."""
    for inlined in (".<listcomp>", ".<setcomp>", ".<dictcomp>"):
        qualname = qualname.replace(f".<locals>{inlined}", "").replace(inlined, "")
    return qualname.replace("<locals>.", "")


def _call(operation: str, inner: Sequence[tuple[CodeType, int]]) -> str:
    """Name an operation by the library's functions around it, from the one that the program calls inwards.

    Several operations of one kind may be on that way (`Queue.put` takes its lock, waits, and takes it again), so the
    innermost line is part of the name; but that of a start or a join is not the same in all versions of Python.
    """
    if not inner:
        return operation
    names = [code.co_qualname for code, _ in reversed(inner)]
    if JOIN in names and operation != "release":
        return f"join in {' > '.join(names[: names.index(JOIN) + 1])}"
    if operation == "start":
        return f"start in {names[0]}"
    code, instruction = inner[0]
    line = _place_in(code, instruction)[0]
    text = _code(code.co_filename, line)
    if not text or len(set(_calls(code))) < 2:
        return f"{operation} in {' > '.join(names)}"
    alike = sum(_code(code.co_filename, earlier) == text for earlier in range(code.co_firstlineno, line))
    return f"{operation} in {' > '.join(names)}: {text}" + (f" ({alike + 1})" if alike else "")


@lru_cache(maxsize=4096)
def _calls(code: CodeType) -> tuple[int, ...]:
    """Return the lines of a function on which something is called."""
    return tuple(
        place.lineno or 0
        for i in dis.get_instructions(code)
        if (place := i.positions) is not None and _is_call(i.opname)
    )


@lru_cache(maxsize=4096)
def _place_in(code: CodeType, instruction: int) -> tuple[int, int]:
    """Return line and column of an instruction, which counts code units as `co_positions` does."""
    line, _, column, _ = next(islice(code.co_positions(), instruction, None), (None, None, None, None))
    return (line or code.co_firstlineno, column or 0)


@lru_cache(maxsize=4096)
def _rank_in(code: CodeType, instruction: int) -> int:
    """Return which of the calls on its line this one is, by column, so that other bytecode counts the same.

    Before 3.13 the calls that enter and leave a `with` stand at the statement, and later at its expression.
    """
    line, column = _place_in(code, instruction)
    text = linecache.getline(code.co_filename, line)
    statement = len(text) - len(text.lstrip()) if text.lstrip().startswith(("with ", "async with ")) else -1
    calls = {
        place.col_offset or 0
        for i in dis.get_instructions(code)
        if (place := i.positions) is not None and place.lineno == line and _is_call(i.opname)
    }
    return sorted(calls - {statement} | {column}).index(column)


@lru_cache(maxsize=4096)
def _leaves_with(code: CodeType, instruction: int) -> bool:
    """Whether a call is that of `__exit__` at the end of a `with`."""
    before: list[dis.Instruction] = []
    for i in dis.get_instructions(code):
        if i.offset >= 2 * instruction:
            nothing = [one.opname == "LOAD_CONST" and one.argval is None for one in before[-3:]]
            return i.opname == "WITH_EXCEPT_START" or (i.opname == "CALL" and len(nothing) == 3 and all(nothing))
        if i.opname != "PRECALL":
            before.append(i)
    return False


def _is_call(opname: str) -> bool:
    return opname.startswith(("CALL", "BEFORE_WITH"))


@lru_cache(maxsize=4096)
def _function_start(filename: str, line: int, limit: int) -> int:
    """Return the line of the nearest `def` at or above `line`."""
    for number in range(line, limit, -1):
        if linecache.getline(filename, number).lstrip().startswith(("def ", "async def ", "class ")):
            return number
    return limit


def _text(filename: str, line: int) -> str:
    return " ".join(linecache.getline(filename, line).split())[:200]


def _code(filename: str, line: int) -> str:
    """Return a line as a witness has it: without a comment at its end, which says nothing of what it does."""
    text = _text(filename, line)
    if "#" not in text:
        return text
    quote = ""
    for place, character in enumerate(text):
        if quote:
            escaped = text[place - 1] == "\\" and text[place - 2 : place - 1] != "\\"
            quote = "" if character == quote and not escaped else quote
        elif character in "'\"":
            quote = character
        elif character == "#":
            return text[:place].rstrip()
    return text
