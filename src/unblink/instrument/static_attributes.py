"""What the compiler of Python 3.13 and later would no longer see behind a hook: a class's attributes.

It collects in `__static_attributes__` the names that methods assign to `self`, by looking for exactly
`self.name = ...`. So a method that assigns any gets one more statement, never run and dropped by the
compiler, in which they stand as they were written. It has the line of what runs before it, so that nothing
of it is left in the table of lines.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

from .sites import every_node, like


class Unexecuted(NamedTuple):
    """A statement which is not run, and its place in the function's body."""

    at: int
    statement: ast.stmt


def static_attributes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Unexecuted | None:
    """Return a statement that assigns what `function`, not visited yet, assigns to attributes of `self`."""
    if sys.version_info < (3, 13):
        return None
    assigned = [list(_assigned(statement)) for statement in function.body]
    names = dict.fromkeys(name for some in assigned for name in some)
    if not names:
        return None
    targets: list[ast.expr] = [ast.Attribute(ast.Name("self", ast.Load()), name, ast.Store()) for name in names]
    statement = ast.If(ast.Constant(False), [ast.Assign(targets, ast.Constant(None))], [])
    if any(argument.arg == "self" for argument in [*function.args.posonlyargs, *function.args.args]):
        index = _first_code(function)
        before: ast.expr | ast.stmt = [*function.decorator_list, function][0]
    else:  # the order of the local variables must stay: not before `self` was met
        index = next(index for index, some in enumerate(assigned) if some)
        before = function.body[index]
    for node in every_node(statement):
        if isinstance(node, ast.expr | ast.stmt):
            like(node, before)
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset
    return Unexecuted(index, statement)


def _assigned(node: ast.AST) -> Iterator[str]:
    """Yield what the compiler would collect; `self.n += 1` and a bare `self.n: int` are not of it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.AugAssign):
        return
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
        yield node.attr
    for inner in ast.iter_child_nodes(node):
        yield from _assigned(inner)


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _first_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the index of the first statement that is neither the docstring nor a declaration."""
    start = 0 if ast.get_docstring(function, clean=False) is None else 1
    while isinstance(function.body[start], ast.Global | ast.Nonlocal):
        start += 1
    return start
