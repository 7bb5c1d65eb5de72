"""The import hook: which modules are instrumented, and how they are loaded.

A finder stands first in `sys.meta_path`, lets the finders after it find the module, and takes the place of
the loader where the module is a source file of the project. pytest's assertion rewriting is such a loader:
then its rewriting is done first, on the same tree, and its books are kept as it would keep them. pytest is
never imported here; its own hook tells us where it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from . import cache
from .compiled import Compiled, compile_instrumented
from .protocol import Registry
from .pytest_assertions import PytestAssertions
from .selection import Selection


class Instrumenter:
    """Decides which modules are instrumented, and makes their code.

    `roots` are the project's directories; `include` are packages beyond them, by dotted name, or a function
    of that name. `hook_module_level` also hooks the statements of modules (a script's are the main task).
    """

    def __init__(
        self,
        registry: Registry,
        *,
        roots: Iterable[str | os.PathLike[str]] = (),
        include: Callable[[str], bool] | Iterable[str] = (),
        hook_module_level: bool = False,
        use_cache: bool = True,
    ) -> None:
        self._registry = registry
        self._selection = Selection(roots, include)
        self._hook_module_level = hook_module_level
        self._use_cache = use_cache

    def wants(self, name: str, path: str) -> bool:
        """Whether the module `name`, whose source is at `path`, is instrumented."""
        return self._selection.selects(name, path)

    def imported_before(self, known: set[str]) -> list[ModuleType]:
        """Return the modules that are wanted and were imported without hooks; those in `known` are known already."""
        wanted = []
        for name, module in list(sys.modules.items()):
            if name in known or not issubclass(type(module), ModuleType):
                continue
            namespace = object.__getattribute__(module, "__dict__")  # a lazy module is not loaded by being looked at
            path = namespace.get("__file__")
            loader = getattr(namespace.get("__spec__"), "loader", None)
            if isinstance(path, str) and path.endswith(".py") and not isinstance(loader, InstrumentingLoader):
                known.add(name)
                if self.wants(name, path):
                    wanted.append(module)
        return wanted

    def code(
        self, path: str, *, assertions: PytestAssertions | None = None, hook_module_level: bool | None = None
    ) -> CodeType:
        """Return the code of the source file `path`, instrumented, registered and ready to run.

        Raises:
            OSError, SyntaxError, ValueError: as an import of this file does.
        """
        module_level = self._hook_module_level if hook_module_level is None else hook_module_level
        return self._compiled(path, assertions, module_level).ready(self._registry)

    def _compiled(self, path: str, assertions: PytestAssertions | None, module_level: bool) -> Compiled:
        stat = os.stat(path)
        variant = assertions.variant if assertions else ""
        flags = int(module_level) | (assertions.flags << 1 if assertions else 0)
        found = cache.load(path, stat, flags, variant) if self._use_cache else None
        if found is not None:
            return found
        with open(path, "rb") as file:
            source = file.read()
        rewrite = assertions.rewriting(source, path) if assertions else None
        compiled = compile_instrumented(source, path, hook_module_level=module_level, rewrite=rewrite)
        if self._use_cache and len(source) == stat.st_size:
            cache.store(path, stat, flags, compiled, variant)
        return compiled


class InstrumentingLoader(SourceFileLoader):
    """Loads a source file as the import system does, but for its code.

    Only `get_code` is ours: while the module runs there is no frame of ours below it, so that the warnings
    and the tracebacks of an import name who imported it.
    """

    def __init__(
        self, name: str, path: str, instrumenter: Instrumenter, assertions: PytestAssertions | None = None
    ) -> None:
        super().__init__(name, path)
        self._instrumenter = instrumenter
        self._assertions = assertions

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        if self._assertions is not None:
            self._assertions.note_rewritten(fullname, path)
        try:
            return self._instrumenter.code(path, assertions=self._assertions)
        except SyntaxError as error:
            raise error.with_traceback(None) from None  # the error is the file's, not the pass's


class InstrumentingFinder:
    """Finds what the finders after it find, and puts our loader in place where the module is wanted."""

    def __init__(self, instrumenter: Instrumenter) -> None:
        self._instrumenter = instrumenter

    def install(self) -> None:
        """Stand first among the finders. pytest must have put its own there before."""
        self.remove()
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Leave the finders; do nothing if it is not among them."""
        if sys.meta_path is not None and self in sys.meta_path:  # it is None while Python shuts down
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = self._found_by_others(fullname, path, target)
        if spec is not None and spec.origin is not None and spec.has_location:
            self._take_over(spec, spec.origin)
        return spec

    def _take_over(self, spec: ModuleSpec, origin: str) -> None:
        assertions = PytestAssertions.of(spec.loader)
        if type(spec.loader) is not SourceFileLoader and assertions is None:
            return
        if self._instrumenter.wants(spec.name, origin):
            spec.loader = InstrumentingLoader(spec.name, origin, self._instrumenter, assertions)

    def _found_by_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        finders = list(sys.meta_path)
        after = finders[finders.index(self) + 1 :] if self in finders else finders
        for finder in after:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(fullname, path, target)
            if spec is not None:
                return spec
        return None


@contextmanager
def instrumented_imports(instrumenter: Instrumenter) -> Iterator[InstrumentingFinder]:
    """Instrument what is imported in this context. Enter it after pytest has put its own hook in place.

    What was imported keeps its hooks, so the hooks have to stay (`protocol.install_hooks`).
    """
    finder = InstrumentingFinder(instrumenter)
    finder.install()
    try:
        yield finder
    finally:
        finder.remove()
