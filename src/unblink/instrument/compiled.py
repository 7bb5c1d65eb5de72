"""From source to code that is ready to run: compile, then relocate to the numbers that the registry gives.

A module's sites are numbered from `NUMBER_MARK` while it is compiled, so that the code can be cached. Where
it is to run, each such constant is replaced by the number that the registry gave for this process.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType

from .protocol import Registry, SiteTuple
from .sites import NUMBER_MARK
from .transform import instrument


@dataclass(frozen=True, slots=True)
class Compiled:
    """Code that is instrumented, not relocated, and its sites. Without sites it is plain code."""

    code: CodeType
    sites: tuple[SiteTuple, ...]

    def ready(self, registry: Registry) -> CodeType:
        """Register the sites, and return the code with the numbers that they got."""
        if not self.sites:
            return self.code
        base = registry.register_sites(self.code.co_filename, self.sites)
        return relocated(self.code, base, len(self.sites))


def compile_instrumented(
    source: bytes | str,
    filename: str,
    *,
    hook_module_level: bool = False,
    optimize: int = -1,
    rewrite: Callable[[ast.Module], None] | None = None,
) -> Compiled:
    """Compile `source` with hooks. `rewrite` may change the tree before (pytest's assertions).

    A module whose expressions are nested too deeply for the pass is compiled without hooks.

    Raises:
        SyntaxError, ValueError: as `compile` does for this source.
    """
    tree = compile(source, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True, optimize=optimize)
    assert isinstance(tree, ast.Module)
    if rewrite is not None:
        rewrite(tree)
    try:
        sites = instrument(tree, hook_module_level=hook_module_level)
        code = compile(tree, filename, "exec", dont_inherit=True, optimize=optimize)
    except RecursionError:
        return compile_plain(source, filename, optimize, rewrite)
    except SyntaxError:
        compile_plain(source, filename, optimize, rewrite)  # the same error, at the place in the source
        raise
    return Compiled(code, tuple(sites))


def compile_plain(
    source: bytes | str,
    filename: str,
    optimize: int = -1,
    rewrite: Callable[[ast.Module], None] | None = None,
) -> Compiled:
    """Compile `source` without hooks."""
    if rewrite is None:
        return Compiled(compile(source, filename, "exec", dont_inherit=True, optimize=optimize), ())
    tree = ast.parse(source, filename)
    rewrite(tree)
    return Compiled(compile(tree, filename, "exec", dont_inherit=True, optimize=optimize), ())


def relocated(code: CodeType, base: int, count: int) -> CodeType:
    """Return `code` with site numbers `base` to `base + count` in place of those marked when compiled.

    Code without a site in it is returned as it is, and so goes on sharing its constants.
    """
    constants = tuple(_relocated_constant(one, base, count) for one in code.co_consts)
    if all(new is old for new, old in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_consts=constants)


def _relocated_constant(constant: object, base: int, count: int) -> object:
    if isinstance(constant, CodeType):
        return relocated(constant, base, count)
    if type(constant) is int and NUMBER_MARK <= constant < NUMBER_MARK + count:
        return base + constant - NUMBER_MARK
    return constant
