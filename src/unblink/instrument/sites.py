"""The sites of one module while it is compiled, and the calls that carry their numbers.

Positions. Every added node has the position of the argument that it wraps, so that the instructions of the
program keep theirs, and no instruction of ours is on a line where the program has none at that moment: a
debugger that steps by lines, and a coverage tool, see the same lines in the same order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, TypeVar

from unblink.model.site import Access, Place

from .protocol import CELL_MARK, Flag, SiteTuple

NUMBER_MARK: Final = 0x5EED_B11A_0000_0000
"""What a module's own site numbers start from until the code is relocated: no program has such a constant."""

_Positioned = TypeVar("_Positioned", bound=ast.expr | ast.stmt)


class SiteList:
    """The sites of one module, in the order in which they were met."""

    def __init__(self) -> None:
        self.sites: list[SiteTuple] = []

    def add(
        self,
        place: Place,
        access: Access,
        name: str | None,
        at: ast.expr | ast.stmt,
        *,
        function: str,
        flags: Flag = Flag.NONE,
    ) -> int:
        """Add a site that stands at the node `at`; return its number in this module."""
        line, column = at.lineno, at.col_offset
        end_line, end_column = at.end_lineno or line, at.end_col_offset or column
        if isinstance(at, ast.Attribute) and end_line != line:
            line, column = end_line, end_column - len(at.attr)  # where the name stands, as in tracebacks
        elif end_line != line:
            end_column = column
        self.sites.append((int(place), int(access), name, line, column, end_column, function, int(flags)))
        return len(self.sites) - 1

    def flag(self, number: int, flags: Flag) -> None:
        """Add `flags` to a site that was added before."""
        site = self.sites[number]
        self.sites[number] = (*site[:7], site[7] | int(flags))


def hook_call(hook: str, argument: ast.expr, number: int, *more: ast.expr) -> ast.Call:
    """Return the node of `hook(argument, number, *more)`."""
    constant = ast.Constant(NUMBER_MARK + number)
    call = ast.Call(like(ast.Name(hook, ast.Load()), argument), [argument, constant, *more], [])
    for node in (call, constant, *more):
        _after(node, argument)
    return call


def bare_hook_call(hook: str, number: int, at: ast.expr | ast.stmt, *more: ast.expr) -> ast.Call:
    """Return the node of `hook(number, *more)`, standing at `at`."""
    constant = like(ast.Constant(NUMBER_MARK + number), at)
    for node in more:
        like(node, at)
    return like(ast.Call(like(ast.Name(hook, ast.Load()), at), [constant, *more], []), at)


def cell_of(name: str, at: ast.expr | ast.stmt) -> ast.Lambda:
    """Return a function which is never called: its closure is the cell of the variable `name`."""
    parameter = ast.arg(CELL_MARK)
    ast.copy_location(parameter, at)
    arguments = ast.arguments(
        posonlyargs=[], args=[parameter], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[]
    )
    return like(ast.Lambda(arguments, like(ast.Name(name, ast.Load()), at)), at)


def again(node: ast.expr) -> ast.expr:
    """Return a second node for an expression that is cheap to repeat: a name, a constant, a signed one."""
    if isinstance(node, ast.Name):
        return like(ast.Name(node.id, ast.Load()), node)
    if isinstance(node, ast.UnaryOp):
        return like(ast.UnaryOp(node.op, again(node.operand)), node)
    assert isinstance(node, ast.Constant)
    return like(ast.Constant(node.value, node.kind), node)


def like(new: _Positioned, old: ast.expr | ast.stmt) -> _Positioned:
    """Give `new` the position of `old`."""
    new.lineno, new.col_offset = old.lineno, old.col_offset
    new.end_lineno, new.end_col_offset = old.end_lineno, old.end_col_offset
    return new


def every_node(root: ast.AST) -> Iterator[ast.AST]:
    """Yield `root` and every node below it.

    `ast.walk` imports `collections` when it is called, which fails while that is what is being imported.
    """
    nodes = [root]
    for node in nodes:
        nodes.extend(ast.iter_child_nodes(node))
        yield node


def _after(node: ast.expr, argument: ast.expr) -> None:
    """Position what runs after `argument`: on the line of the argument's last instruction.

    The compiler puts an attribute, and the call of one, on the line of the attribute's name.
    """
    last = argument.func if isinstance(argument, ast.Call) else argument
    end = last.end_lineno
    if isinstance(last, ast.Attribute) and end is not None and end != last.lineno:
        node.lineno = node.end_lineno = end
        node.end_col_offset = last.end_col_offset or 0
        node.col_offset = max(0, node.end_col_offset - len(last.attr))
    else:
        like(node, argument)
    if isinstance(node, ast.UnaryOp):
        _after(node.operand, argument)
