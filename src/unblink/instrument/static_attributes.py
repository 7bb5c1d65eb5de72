"""What the compiler of Python 3.13 and later would no longer see behind a hook: a class's attributes.

It collects in `__static_attributes__` the names that methods assign to `self`, by looking for exactly
`self.name = ...`. So a method that assigns any gets one statement more, never run and dropped by the compiler,
in which they stand as they were written.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

from .sites import every_node, like


class Unexecuted(NamedTuple):
    """A statement which is not run, and its place in the function's body."""

    index: int
    statement: ast.stmt


def static_attributes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Unexecuted | None:
    """Return a statement that assigns what `function`, not visited yet, assigns to attributes of `self`."""
    if sys.version_info < (3, 13):
        return None
    names = dict.fromkeys(name for statement in function.body for name in _assigned(statement))
    index = _first_code(function)
    if not names or index is None:
        return None
    targets: list[ast.expr] = [
        ast.Attribute(ast.Name("self", ast.Load()), name, ast.Store()) for name in names
    ]
    statement = ast.If(ast.Constant(False), [ast.Assign(targets, ast.Constant(None))], [])
    first = function.body[index]
    decorators = getattr(first, "decorator_list", None)
    for node in every_node(statement):
        if isinstance(node, ast.expr | ast.stmt):
            like(node, decorators[0] if decorators else first)  # on its line, so that no line is added
    return Unexecuted(index, statement)


def _assigned(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            yield node.attr
    for inner in ast.iter_child_nodes(node):
        yield from _assigned(inner)


def _first_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int | None:
    """Return the index of the first statement that is neither the docstring nor a declaration."""
    start = 0 if ast.get_docstring(function, clean=False) is None else 1
    for index, statement in enumerate(function.body[start:], start):
        if not isinstance(statement, ast.Global | ast.Nonlocal):
            return index
    return None
