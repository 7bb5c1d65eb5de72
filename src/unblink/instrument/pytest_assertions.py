"""pytest's assertion rewriting, as far as we have to do its work: the only place that knows its insides.

Read for pytest 7.4, 8 and 9: `_pytest.assertion.rewrite.AssertionRewritingHook` is finder and loader in one;
`exec_module` notes the name in `_rewritten_names` (by which `register_assert_rewrite` knows that it is not
too late), parses, calls `rewrite_asserts`, compiles and caches.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_REWRITE: Final = "_pytest.assertion.rewrite"


@dataclass(frozen=True, slots=True)
class PytestAssertions:
    """One session's assertion rewriting; `hook` is pytest's."""

    hook: Any

    @staticmethod
    def of(loader: object) -> PytestAssertions | None:
        """Return the rewriting whose loader this is, or `None` if it is any other loader."""
        hook = getattr(sys.modules.get(_REWRITE), "AssertionRewritingHook", None)  # none yet while pytest is imported
        return PytestAssertions(loader) if hook is not None and isinstance(loader, hook) else None

    @property
    def variant(self) -> str:
        """The part of a cached file's name that tells which pytest rewrote it."""
        return f"-pytest-{sys.modules[_REWRITE].version}"

    @property
    def flags(self) -> int:
        """The options of pytest that change what its rewriting makes."""
        return int(bool(self.hook.config.getini("enable_assertion_pass_hook")))

    def rewriting(self, source: bytes, path: str) -> Callable[[ast.Module], None]:
        """Return the function that rewrites the asserts of a tree."""

        def rewrite(tree: ast.Module) -> None:
            sys.modules[_REWRITE].rewrite_asserts(tree, source, path, self.hook.config)

        return rewrite

    def note_rewritten(self, name: str, path: str) -> None:
        """Note in pytest's books that the module is loaded and its asserts are rewritten."""
        self.hook._rewritten_names[name] = Path(path)
