"""What an expression becomes. See `protocol` for the calls, `transform` for statements.

Each rule keeps one promise: a point stands after everything else that the operation needs was evaluated,
and nothing is evaluated twice but names and constants.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from unblink.model.site import Access, Place

from . import protocol
from .methods import FRESH
from .protocol import Flag
from .scopes import Scope, Scopes, mangled
from .sites import SiteList, again, bare_hook_call, cell_of, every_node, hook_call, like

_FRESH_NODES = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp,
    ast.DictComp, ast.GeneratorExp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Lambda,
)  # fmt: skip
PYTESTS_MODULES = frozenset({"@pytest_ar", "@py_builtins"})
"""Names that pytest's assertion rewriting gives to modules, for what runs when a test has failed only."""
_ACCESS = {ast.Load: Access.READ, ast.Store: Access.WRITE, ast.Del: Access.WRITE}


class Surroundings:
    """What is known of the module before any of it is changed."""

    def __init__(self, tree: ast.Module) -> None:
        self.scopes = Scopes(tree)
        self.stored_attributes = frozenset(
            node.attr
            for node in every_node(tree)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        )
        self.standard_modules = self._standard_modules(tree)

    def _standard_modules(self, tree: ast.Module) -> frozenset[str]:
        """Return names that always stand for a module of the standard library, whose attributes stay."""
        names = [
            alias.asname or alias.name.partition(".")[0]
            for statement in tree.body
            if isinstance(statement, ast.Import)
            for alias in statement.names
            if alias.name.partition(".")[0] in sys.stdlib_module_names
        ]
        module = self.scopes.module
        steady = {name for name in names if module.bindings[name] == names.count(name)}
        return frozenset(steady - module.rebound)


class Expressions(ast.NodeTransformer):
    """The rules for expressions. `active` is off where code runs at import only."""

    def __init__(self, tree: ast.Module, active: bool) -> None:
        self.surroundings = Surroundings(tree)
        self.sites = SiteList()
        self.scope: Scope = self.surroundings.scopes.module
        self.active = active
        self.methods: frozenset[str] = frozenset()  # of the class around, which nobody assigns to

    @contextmanager
    def inside(self, node: ast.AST, active: bool) -> Iterator[None]:
        """Be in the scope that `node` opens."""
        before = self.scope, self.active
        self.scope, self.active = self.surroundings.scopes[node], active
        yield
        self.scope, self.active = before

    # -- questions about a node, to be asked before it is visited ----------------------------------------

    def owner_if_shared(self, name: str) -> Scope | None:
        """Return who owns the variable `name`, as written here, if other tasks can see it change."""
        if not self.active:
            return None
        own = mangled(name, self.scope.class_name)
        owner = self.scope.owner(own)
        return owner if owner.shares(own) else None

    def plain(self, node: ast.expr) -> bool:
        """Whether `node` is a name that can be read again with no effect."""
        return isinstance(node, ast.Name) and self.owner_if_shared(node.id) is None

    def repeatable(self, node: ast.expr) -> bool:
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.operand, ast.Constant) and not isinstance(node.op, ast.Not)
        return isinstance(node, ast.Constant) or self.plain(node)

    def quiet(self, node: ast.expr) -> bool:
        """Whether evaluating `node` lets nobody else run, so that a point may as well stand before it."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return all(map(self.quiet, node.elts))
        if isinstance(node, ast.Dict):
            return not node.keys
        return isinstance(node, ast.Lambda) or self.repeatable(node)

    def builtin(self, node: ast.expr, names: frozenset[str]) -> bool:
        """Whether `node` is the name of one of these builtin functions, and not of anything else here."""
        if not isinstance(node, ast.Name) or node.id not in names:
            return False
        owner = self.scope.owner(node.id)
        return owner is self.surroundings.scopes.module and node.id not in owner.bindings

    def fresh(self, node: ast.expr) -> bool:
        """Whether `node` makes an object that no other task can know yet."""
        if isinstance(node, ast.Call):
            return self.builtin(node.func, FRESH)
        return isinstance(node, _FRESH_NODES)

    def unwatched(self, receiver: ast.expr, name: str, loads: bool) -> bool:
        """Whether the attribute `name` of `receiver` is never worth a hook."""
        if name.startswith("__") and name.endswith("__"):
            return True
        if isinstance(receiver, ast.Name) and receiver.id in PYTESTS_MODULES:
            return True
        if isinstance(receiver, ast.Name | ast.Attribute):
            return loads and self.in_standard_module(receiver)
        if isinstance(receiver, ast.Call):
            return isinstance(receiver.func, ast.Name) and receiver.func.id == "super"
        return isinstance(receiver, ast.Constant | ast.JoinedStr)

    def in_standard_module(self, node: ast.expr) -> bool:
        """Whether `node` is a module of the standard library, or by its dotted name below one."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.surroundings.standard_modules:
            return False
        return self.scope.owner(node.id) is self.surroundings.scopes.module

    # -- making sites ------------------------------------------------------------------------------------

    def site(
        self, place: Place, access: Access, name: str | None, at: ast.expr | ast.stmt, flags: Flag = Flag.NONE
    ) -> int:
        return self.sites.add(place, access, name, at, function=self.scope.qualname, flags=flags)

    def variable(self, access: Access, name: str, at: ast.expr | ast.stmt, flags: Flag) -> tuple[int, list[ast.expr]]:
        """Return a site for the shared variable `name` and the arguments that say which variable it is."""
        own = mangled(name, self.scope.class_name)
        is_global = self.scope.owner(own) is self.surroundings.scopes.module
        number = self.site(Place.VARIABLE, access, own, at, flags if is_global else flags | Flag.CLOSURE)
        return number, [] if is_global else [cell_of(name, at)]

    def read_whole(self, node: ast.expr, name: str, flags: Flag = Flag.NONE) -> ast.expr:
        """Return the visited `node` with a hook: a container is read as a whole by `name`."""
        if not self.active or self.fresh(node):
            return self.expression(node)
        number = self.site(Place.CONTAINER, Access.READ, name, node, flags)
        return hook_call(protocol.METHOD, self.expression(node), number)

    def read_stepwise(self, node: ast.expr) -> ast.expr:
        if not self.active or self.fresh(node):
            return self.expression(node)
        number = self.site(Place.CONTAINER, Access.READ, "for", node)
        return hook_call(protocol.ITERATE, self.expression(node), number)

    def expression(self, node: ast.expr) -> ast.expr:
        visited = self.visit(node)
        assert isinstance(visited, ast.expr)
        return visited

    def expressions(self, nodes: list[ast.expr]) -> list[ast.expr]:
        return [self.expression(node) for node in nodes]

    # -- names -------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load) or self.owner_if_shared(node.id) is None:
            return node
        number, cell = self.variable(Access.READ, node.id, node, Flag.NONE)
        return like(ast.BoolOp(ast.Or(), [bare_hook_call(protocol.GET, number, node, *cell), node]), node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        node.value = self.stored(self.expression(node.value), [node.target])
        return node

    def stored(self, value: ast.expr, targets: list[ast.expr]) -> ast.expr:
        """Return `value` with a hook for each shared variable among `targets`."""
        for target in targets:
            for node in every_node(target):
                if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Store):
                    continue
                if self.owner_if_shared(node.id) is not None:
                    flags = Flag.NONE if node is target else Flag.VALUE_UNKNOWN
                    number, cell = self.variable(Access.WRITE, node.id, node, flags)
                    value = hook_call(protocol.SET, value, number, *cell)
        return value

    # -- attributes and items ----------------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        access = _ACCESS[type(node.ctx)]
        skipped = not self.active or self.unwatched(node.value, node.attr, access is Access.READ)
        node.value = self.expression(node.value)
        if not skipped:
            number = self.attribute_site(node, access, _deletes(node))
            hook = protocol.READ if access is Access.READ else protocol.WRITE
            node.value = hook_call(hook, node.value, number)
        return node

    def attribute_site(self, node: ast.Attribute, access: Access, flags: Flag) -> int:
        name = mangled(node.attr, self.scope.class_name)
        return self.site(Place.ATTRIBUTE, access, name, node, flags)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not self.active or self.fresh(node.value):
            self.generic_visit(node)
            return node
        access = _ACCESS[type(node.ctx)]
        place = Place.CONTAINER if has_slice(node.slice) else Place.ITEM
        self.hook_item(node, self.site(place, access, None, node, _deletes(node)))
        return node

    def hook_item(self, node: ast.Subscript, number: int) -> None:
        """Put the hooks of site `number` into the subscript `node`, and visit its parts."""
        container, key = node.value, node.slice
        plain, repeatable = self.plain(container), self.repeatable(key)
        visited, node.slice = self.expression(container), self.expression(key)
        if has_slice(key):
            node.value = hook_call(protocol.METHOD, visited, number)
        elif plain:
            node.slice = hook_call(protocol.KEY, node.slice, number, again(container))
        elif repeatable:
            node.value = hook_call(protocol.METHOD, visited, number, again(key))
        else:
            if suspends(key):
                self.sites.flag(number, Flag.SUSPENDS)
            node.value = hook_call(protocol.PUSH, visited, number)
            node.slice = hook_call(protocol.PERFORM, node.slice, number)


def has_slice(key: ast.expr) -> bool:
    """Whether the subscript `key` names a part of the container rather than an item."""
    return isinstance(key, ast.Slice) or (isinstance(key, ast.Tuple) and any(map(has_slice, key.elts)))


def suspends(node: ast.AST) -> bool:
    """Whether evaluating `node` may suspend the frame, so that others run before it is done."""
    return any(
        isinstance(inner, ast.Await | ast.Yield | ast.YieldFrom)
        or (isinstance(inner, ast.comprehension) and bool(inner.is_async))
        for inner in every_node(node)
    )


def _deletes(node: ast.Attribute | ast.Subscript) -> Flag:
    return Flag.DELETES if isinstance(node.ctx, ast.Del) else Flag.NONE
