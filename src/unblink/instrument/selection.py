"""Which modules are instrumented: the project's own, and the packages that the user names."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_OURSELVES: Final = (str(Path(__file__).resolve().parents[1]), "unblink_pytest.py")


class Selection:
    """Selects modules below `roots`, and modules whose dotted names are in `include` or below one of it.

    Below a root, what is installed there (a virtual environment's site-packages), the standard library and
    unblink itself are left out; `include` may name the first two.
    """

    def __init__(self, roots: Iterable[str | os.PathLike[str]], include: Callable[[str], bool] | Iterable[str]) -> None:
        self._roots = tuple(_below(os.path.realpath(root)) for root in roots)
        self._included = include if callable(include) else _named(frozenset(include))
        library = {
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
            str(Path(os.__file__).parent),
        }
        self._library = tuple({_below(os.path.realpath(path)) for path in library})
        self._directories: dict[str, bool] = {}
        # What was resolved once is not resolved again: an import may happen where a test has made the functions of
        # `os` fail, because they block.
        self._resolved = {
            _named_directory(path): os.path.realpath(path) for path in (*library, *sys.path) if os.path.isabs(path)
        }

    def selects(self, name: str, path: str) -> bool:
        """Whether the module `name`, with its source at `path`, is instrumented."""
        named, _, file = path.rpartition(os.sep)
        directory = self._resolved.get(named)
        if directory is None:
            directory = os.path.realpath(named or os.curdir)
            if os.path.isabs(named):
                self._resolved[named] = directory
        if directory.startswith(_OURSELVES[0]) or file == _OURSELVES[1]:
            return False
        return self._included(name) or self._is_project(directory)

    def _is_project(self, directory: str) -> bool:
        known = self._directories.get(directory)
        if known is None:
            inside = _below(directory)
            known = self._directories[directory] = (
                inside.startswith(self._roots)
                and not inside.startswith(self._library)
                and _INSTALLED.isdisjoint(Path(directory).parts)
            )
        return known


def _named_directory(path: str) -> str:
    return path.rstrip(os.sep)


def _below(directory: str) -> str:
    return directory.rstrip(os.sep) + os.sep


def _named(packages: frozenset[str]) -> Callable[[str], bool]:
    def included(name: str) -> bool:
        return name in packages or any(name.startswith(package + ".") for package in packages)

    return included
