"""Which variables of a module can be seen to change by another task.

Shared are: a module's global that some function binds under `global`; a function's variable that an inner
function binds under `nonlocal`; and a function's variable that an inner function reads and the function
itself binds more than once. Everything else is bound once before it can be seen, or seen by its own frame
only.

The rules are the language's: a class's names are not seen from its methods, a comprehension has a scope
whose walrus binds outside of it, the first iterable of a comprehension, defaults and decorators belong to
the enclosing scope, private names are mangled. `symtable` knows all this too, but names no AST node.
A wrong answer here would only cost a hook or miss one: it cannot change what the program does.
"""

from __future__ import annotations

import ast
import enum
from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
ComprehensionNode: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Kind(enum.Enum):
    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    COMPREHENSION = "comprehension"
    TYPE_PARAMETERS = "type parameters"


def mangled(name: str, class_name: str | None) -> str:
    """Return `name` as the compiler would write it in the body of `class_name`."""
    if class_name is None or not name.startswith("__") or name.endswith("__"):
        return name
    stripped = class_name.lstrip("_")
    return f"_{stripped}{name}" if stripped else name


class Scope:
    """One scope: what it binds, declares and uses. `owners` fills in what only the whole module tells."""

    __slots__ = (
        "bindings",
        "captured",
        "class_name",
        "global_names",
        "kind",
        "nonlocal_names",
        "parent",
        "qualname",
        "rebound",
        "used",
    )

    def __init__(self, kind: Kind, parent: Scope | None, qualname: str, class_name: str | None) -> None:
        self.kind = kind
        self.parent = parent
        self.qualname = qualname
        self.class_name = class_name
        self.bindings: Counter[str] = Counter()
        self.global_names: set[str] = set()
        self.nonlocal_names: set[str] = set()
        self.used: set[str] = set()
        self.captured: set[str] = set()  # names of this scope that an inner function uses
        self.rebound: set[str] = set()  # names of this scope that an inner function binds

    def owner(self, name: str) -> Scope:
        """Return the scope that `name`, as written here (mangled), belongs to; the module for globals."""
        scope = self
        while scope.parent is not None:
            if name in scope.global_names:
                return scope.module()
            own = name in scope.bindings and name not in scope.nonlocal_names
            if own and (scope.kind is not Kind.CLASS or scope is self):
                return scope
            scope = scope.parent
        return scope

    def module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def function(self) -> Scope:
        """Return the scope in which a walrus binds: this one, or what encloses the comprehension."""
        scope = self
        while scope.kind is Kind.COMPREHENSION and scope.parent is not None:
            scope = scope.parent
        return scope

    def shares(self, name: str) -> bool:
        """Whether the variable `name`, owned by this scope, can be seen to change by another task."""
        if name in self.rebound:
            return True
        return self.kind is Kind.FUNCTION and name in self.captured and self.bindings[name] > 1


class Scopes(ast.NodeVisitor):
    """The scopes of a module, by the node that opens each."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(Kind.MODULE, None, "<module>", None)
        self._by_node: dict[ast.AST, Scope] = {tree: self.module}
        self._current = self.module
        for statement in tree.body:
            self.visit(statement)
        self._resolve()

    def __getitem__(self, node: ast.AST) -> Scope:
        return self._by_node[node]

    def _resolve(self) -> None:
        for scope in self._by_node.values():
            for name in scope.used | scope.bindings.keys():
                owner = scope.owner(name)
                if owner is scope or owner is scope.function():
                    continue
                owner.captured.add(name)
                if name in scope.bindings:
                    owner.rebound.add(name)

    # -- opening scopes --------------------------------------------------------------------------------

    def _open(self, node: ast.AST, kind: Kind, name: str | None = None) -> Scope:
        parent = self._current
        class_name = name if kind is Kind.CLASS else parent.class_name
        self._current = Scope(kind, parent, self._qualname(name), class_name)
        self._by_node[node] = self._current
        return self._current

    def _qualname(self, name: str | None) -> str:
        parent = self._current
        if name is None:
            return parent.qualname
        while parent.kind is Kind.TYPE_PARAMETERS and parent.parent is not None:
            parent = parent.parent
        if parent.kind is Kind.MODULE or name in parent.global_names:
            return name
        separator = "." if parent.kind is Kind.CLASS else ".<locals>."
        return f"{parent.qualname}{separator}{name}"

    def _close(self, outer: Scope) -> None:
        self._current = outer

    def _each(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _open_type_parameters(self, node: ast.AST) -> None:
        parameters = getattr(node, "type_params", None)
        if parameters:
            self._open(parameters[0], Kind.TYPE_PARAMETERS)
            for parameter in parameters:
                self._bind(parameter.name)

    def _function(self, node: FunctionNode, name: str, body: Iterable[ast.AST]) -> None:
        outer = self._current
        arguments = node.args
        self._each(arguments.defaults)
        self._each(arguments.kw_defaults)
        self._open_type_parameters(node)
        self._open(node, Kind.FUNCTION, name)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in (*every, arguments.vararg, arguments.kwarg):
            if argument is not None:
                self._bind(argument.arg)
        self._each(body)
        self._close(outer)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name)
        self._each(node.decorator_list)
        self._function(node, node.name, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, "<lambda>", [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name)
        outer = self._current
        self._each(node.decorator_list)
        self._open_type_parameters(node)
        self._each(node.bases)
        self._each(node.keywords)
        self._open(node, Kind.CLASS, node.name)
        self._each(node.body)
        self._close(outer)

    def _comprehension(self, node: ComprehensionNode) -> None:
        outer = self._current
        self.visit(node.generators[0].iter)
        self._open(node, Kind.COMPREHENSION)
        for number, generator in enumerate(node.generators):
            self.visit(generator.target)
            self._each(generator.ifs)
            if number:
                self.visit(generator.iter)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._each(elements)
        self._close(outer)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    # -- names -----------------------------------------------------------------------------------------

    def _mangled(self, name: str) -> str:
        return mangled(name, self._current.class_name)

    def _bind(self, name: str, times: int = 1) -> None:
        self._current.bindings[self._mangled(name)] += times

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._current.used.add(self._mangled(node.id))
        else:
            self._bind(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._current.function().bindings[self._mangled(node.target.id)] += 1
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            self._bind(node.target.id)  # a second time: something else bound it before

    def visit_Global(self, node: ast.Global) -> None:
        self._current.global_names.update(map(self._mangled, node.names))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._current.nonlocal_names.update(map(self._mangled, node.names))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._each([node.value, node.target])

    def visit_alias(self, node: ast.alias) -> None:
        if node.name != "*":
            self._bind(node.asname or node.name.partition(".")[0])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._bind(node.rest)
        self.generic_visit(node)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """Leave the statement alone: its value is a scope of its own, evaluated when asked for."""
