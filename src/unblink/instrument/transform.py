"""The pass over a module: statements, and where hooks are wanted at all.

Code that runs at import only (a module's own statements, a class's) is left alone, unless the module is a
script whose statements are the main task. A class's statements are never touched: its namespace may be one
in which every name means something. Annotations, patterns, `type` statements and what pytest's assertion
rewriting adds for its messages stay as they are.
"""

from __future__ import annotations

import ast

from unblink.model.site import Access, Place

from . import protocol
from .calls import Calls
from .expressions import has_slice, suspends
from .protocol import Flag, SiteTuple
from .sites import again, bare_hook_call, hook_call, like
from .static_attributes import static_attributes


def instrument(tree: ast.Module, *, hook_module_level: bool = False) -> list[SiteTuple]:
    """Change `tree`, in place, so that it calls the hooks of `protocol`; return its sites in order.

    The sites are numbered from `sites.NUMBER_MARK` in the tree; see `compiled.relocated`.
    """
    statements = Statements(tree, active=hook_module_level)
    statements.body(tree)
    return statements.sites.sites


class Statements(Calls):
    """The rules for statements."""

    def body(self, tree: ast.Module) -> None:
        self.generic_visit(tree)

    # -- definitions -----------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        node.decorator_list = self.expressions(node.decorator_list)
        self.defaults(node.args)
        with self.inside(node, active=True):
            told = static_attributes(node) if self.scope.class_name is not None else None
            node.body = self.block(node.body)
            if told is not None:
                node.body.insert(told.at, told.statement)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        before = self.methods
        self.methods = frozenset(
            inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        with self.inside(node, active=False):
            node.body = self.block(node.body)
        self.methods = before
        return node

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        block: list[ast.stmt] = []
        for statement in statements:
            visited = self.visit(statement)
            block.extend(visited if isinstance(visited, list) else [visited])
        return block

    # -- assignments -----------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id.startswith("@py_format"):
            return node  # the text of a failed assertion
        if isinstance(target, ast.Name) and target.id.startswith("@py_assert"):
            node.value = self.asserted(node.value)
        else:
            node.value = self.stored(self.expression(node.value), node.targets)
        node.targets = self.expressions(node.targets)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is not None:
            node.value = self.stored(self.expression(node.value), [node.target])
            target = self.visit(node.target)
            assert isinstance(target, ast.Name | ast.Attribute | ast.Subscript)
            node.target = target
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        if not self.active:
            node.value = self.expression(node.value)
            target = self.visit(node.target)
            assert isinstance(target, ast.Name | ast.Attribute | ast.Subscript)
            node.target = target
            return node
        flags = Flag.CLOSES_PAIR
        if suspends(node.value):
            flags |= Flag.SUSPENDS
        if isinstance(node.target, ast.Name):
            return self._update_variable(node, node.target, flags)
        value = self.expression(node.value)
        if isinstance(node.target, ast.Attribute):
            node.value = self._update_attribute(node.target, value, flags)
        else:
            node.value = self._update_item(node.target, value, flags)
        return node

    def _update_variable(self, node: ast.AugAssign, name: ast.Name, flags: Flag) -> ast.stmt | list[ast.stmt]:
        value = self.expression(node.value)
        node.value = value
        if self.owner_if_shared(name.id) is None:
            return node
        read, cell = self.variable(Access.READ, name.id, name, Flag.NONE)
        write, same_cell = self.variable(Access.WRITE, name.id, name, flags)
        node.value = hook_call(protocol.SET, value, write, *same_cell)
        return [like(ast.Expr(bare_hook_call(protocol.GET, read, name, *cell)), node), node]

    def _update_attribute(self, target: ast.Attribute, value: ast.expr, flags: Flag) -> ast.expr:
        receiver, plain = target.value, self.plain(target.value)
        if self.unwatched(receiver, target.attr, False):
            target.value = self.expression(receiver)
            return value
        read = self.attribute_site(target, Access.READ, Flag.NONE if plain else Flag.OPENS_PAIR)
        write = self.attribute_site(target, Access.WRITE, flags)
        target.value = hook_call(protocol.READ, self.expression(receiver), read)
        if plain:
            return hook_call(protocol.ARGUMENT, value, write, again(receiver))
        return hook_call(protocol.PERFORM, value, write)

    def _update_item(self, target: ast.Subscript, value: ast.expr, flags: Flag) -> ast.expr:
        container, key = target.value, target.slice
        place = Place.CONTAINER if has_slice(key) else Place.ITEM
        named_again = self.plain(container) and (has_slice(key) or self.repeatable(key))
        read = self.site(place, Access.READ, None, target, Flag.NONE if named_again else Flag.OPENS_PAIR)
        write = self.site(place, Access.WRITE, None, target, flags)
        self.hook_item(target, read)
        if not named_again:
            return hook_call(protocol.PERFORM, value, write)
        repeated = [] if has_slice(key) else [again(key)]
        return hook_call(protocol.ARGUMENT, value, write, again(container), *repeated)

    def visit_Delete(self, node: ast.Delete) -> list[ast.stmt]:
        names = [one.id for one in node.targets if isinstance(one, ast.Name)]
        before = self._blind_writes(node, names, Flag.DELETES)
        node.targets = self.expressions(node.targets)
        return [*before, node]

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> list[ast.stmt]:
        names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        return [*self._blind_writes(node, names, Flag.NONE), node]

    visit_ImportFrom = visit_Import

    def _blind_writes(self, node: ast.stmt, names: list[str], flags: Flag) -> list[ast.stmt]:
        """Return statements that tell of writes to those of `names` that are shared variables."""
        told: list[ast.stmt] = []
        for name in names:
            if name != "*" and self.owner_if_shared(name) is not None:
                number, cell = self.variable(Access.WRITE, name, node, flags | Flag.VALUE_UNKNOWN)
                nothing = like(ast.Constant(None), node)
                told.append(like(ast.Expr(hook_call(protocol.SET, nothing, number, *cell)), node))
        return told

    # -- control flow ----------------------------------------------------------------------------------

    def visit_If(self, node: ast.If | ast.While) -> ast.stmt:
        node.test = self.condition(node.test)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    visit_While = visit_If

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        node.test = self.condition(node.test)
        node.msg = node.msg and self.expression(node.msg)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        node.iter = self.read_stepwise(node.iter)
        node.target = self.expression(node.target)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        node.guard = node.guard and self.condition(node.guard)
        node.body = self.block(node.body)
        return node

    def visit_TypeAlias(self, node: ast.stmt) -> ast.stmt:
        return node
