"""Modules that were imported before: their functions get instrumented code, in place.

The source is compiled twice, plainly and with hooks. A function that exists is found to be one of the plain
code objects (by equality, so two lambdas on one line are told apart; else by name, line and variables), and
gets the hooked one. Inner functions made later come with the code of the outer; the class bodies and the
module's own statements have run and stay as they are.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import TypeAlias

from .compiled import compile_instrumented, compile_plain
from .protocol import CELL_MARK, Registry
from .pytest_assertions import PytestAssertions

_Key: TypeAlias = tuple[str, int, tuple[str, ...], tuple[str, ...]]
_Replaced: TypeAlias = tuple["weakref.ref[FunctionType]", CodeType]


@dataclass(frozen=True, slots=True)
class LoadedReport:
    """What became of the functions of one module that had been imported.

    `skipped` has each function left alone, with the reason.
    """

    module: str
    replaced: int
    skipped: tuple[tuple[str, str], ...] = ()
    _before: tuple[_Replaced, ...] = field(default=(), repr=False, compare=False)

    def undo(self) -> None:
        """Put back the code that the functions had."""
        for reference, code in self._before:
            function = reference()
            if function is not None:
                function.__code__ = code


def functions_by_namespace() -> dict[int, list[FunctionType]]:
    """Return all functions (methods, wrapped ones, closures too) by the identity of their module's namespace."""
    found: dict[int, list[FunctionType]] = {}
    # By `type`: to ask a foreign object for its class may run the program's code, as a lazy proxy's does.
    for one in gc.get_objects():
        if type(one) is FunctionType:
            found.setdefault(id(one.__globals__), []).append(one)
    return found


def instrument_loaded(
    module: ModuleType,
    registry: Registry,
    *,
    only: Callable[[FunctionType], bool] | None = None,
    functions: Mapping[int, Sequence[FunctionType]] | None = None,
) -> LoadedReport:
    """Instrument the functions of `module`, which is imported already, wherever they are kept.

    `only` says of a function whether it is wanted; without it, all are. `functions` is what `functions_by_namespace`
    has returned just now, for whoever asks for many modules.

    A module whose source cannot be had is reported as one skipped item. Code that is running goes on as it
    was until it returns.
    """
    name = module.__name__
    try:
        source, path = _source(module)
        assertions = PytestAssertions.of(getattr(module.__spec__, "loader", None))
        rewrite = None if assertions is None else assertions.rewriting(source, path)
        plain = compile_plain(source, path, rewrite=rewrite).code
        hooked = compile_instrumented(source, path, rewrite=rewrite).ready(registry)
    except (OSError, SyntaxError, ValueError) as error:
        return LoadedReport(name, 0, ((name, f"no source to compile: {error}"),))
    pairs = list(_pairs(plain, hooked))
    exact = dict(pairs)
    alike: dict[_Key, list[CodeType]] = {}
    for old, new in pairs:
        alike.setdefault(_key(old), []).append(new)
    found = functions_by_namespace() if functions is None else functions
    return _replace(module, found.get(id(vars(module)), ()), exact, alike, only)


def _source(module: ModuleType) -> tuple[bytes, str]:
    path = getattr(module, "__file__", None) or getattr(module.__spec__, "loader_state", None)
    path = getattr(path, "filename", path)  # of a frozen module
    if not isinstance(path, str) or not path.endswith(".py"):
        raise OSError(f"{module.__name__} was not loaded from a source file")
    with open(path, "rb") as file:
        return file.read(), path


def _pairs(plain: CodeType, hooked: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield each code object within `plain` with the same one of `hooked`."""
    inner = [[one for one in code.co_consts if isinstance(one, CodeType)] for code in (plain, hooked)]
    inner[1] = [one for one in inner[1] if one.co_varnames[:1] != (CELL_MARK,)]
    for old, new in zip(*inner, strict=True):
        yield old, new
        yield from _pairs(old, new)


def _key(code: CodeType) -> _Key:
    return code.co_qualname, code.co_firstlineno, code.co_varnames, code.co_freevars


def _replace(
    module: ModuleType,
    functions: Sequence[FunctionType],
    exact: dict[CodeType, CodeType],
    alike: dict[_Key, list[CodeType]],
    only: Callable[[FunctionType], bool] | None,
) -> LoadedReport:
    before: list[_Replaced] = []
    skipped: list[tuple[str, str]] = []
    names = {module.__name__, _origin_name(module)}
    files = {getattr(module, "__file__", None), *(f"<frozen {name}>" for name in names)}
    for function in functions:
        if only is not None and not only(function):
            continue
        old = function.__code__
        candidates = alike.get(_key(old), [])
        new = exact.get(old) or (candidates[0] if len(candidates) == 1 else None)
        if old.co_filename not in files:
            continue  # made by exec: a dataclass's, a named tuple's
        if new is None:
            skipped.append((function.__qualname__, "its code is not the source's, or not the only such code"))
        elif new.co_freevars != old.co_freevars:
            skipped.append((function.__qualname__, "its closure would differ"))
        else:
            function.__code__ = new
            before.append((weakref.ref(function), old))
    return LoadedReport(module.__name__, len(before), tuple(sorted(skipped)), tuple(before))


def _origin_name(module: ModuleType) -> str:
    return getattr(getattr(module.__spec__, "loader_state", None), "origname", None) or module.__name__
