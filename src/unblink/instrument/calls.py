"""What calls, comparisons, conditions and comprehensions become: the places where containers are used."""

from __future__ import annotations

import ast
from collections.abc import Callable

from unblink.model.site import Access, Place

from . import protocol
from .expressions import Expressions, suspends
from .methods import METHODS, READERS, STEPPERS
from .protocol import Flag
from .scopes import ComprehensionNode
from .sites import again, hook_call


class Calls(Expressions):
    """The rules for what uses a container by its methods, by builtin functions and by operators."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        func = node.func
        if _is_pytests(func):
            return node
        if isinstance(func, ast.Attribute) and self.active:
            if self.is_own_method(func):
                self.call_arguments(node)
                return node
            nested = isinstance(func.value, ast.Attribute)
            if func.attr in METHODS and (nested or not self.unwatched(func.value, func.attr, True)):
                return self.method_call(node, func)
        if self.active and self.builtin(func, READERS | STEPPERS):
            return self.builtin_call(node)
        node.func = self.expression(func)
        self.call_arguments(node)
        return node

    def is_own_method(self, func: ast.Attribute) -> bool:
        """Whether this is `self.f(...)`, `f` being a method of the class here that nobody rebinds."""
        receiver = func.value
        own = isinstance(receiver, ast.Name) and receiver.id in {"self", "cls"} and func.attr in self.methods
        return own and func.attr not in self.surroundings.stored_attributes

    def call_arguments(self, node: ast.Call) -> None:
        node.args = self.expressions(node.args)
        for keyword in node.keywords:
            if keyword.arg is None:
                keyword.value = self.read_whole(keyword.value, "**")
            else:
                keyword.value = self.expression(keyword.value)

    def builtin_call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        first = 1 if name in {"map", "filter"} else 0
        after = len(node.args) if name in {"map", "zip"} else first + 1
        if name in {"min", "max"} and len(node.args) != 1:
            after = 0
        hooked = node.args[first:after]
        before, rest = node.args[:first], node.args[after:]
        visited = [*self.expressions(before), *(self._operand(one, name) for one in hooked)]
        node.args = rest
        self.call_arguments(node)
        node.args = [*visited, *node.args]
        return node

    def _operand(self, node: ast.expr, name: str) -> ast.expr:
        if isinstance(node, ast.Starred):
            return self.expression(node)
        return self.read_stepwise(node) if name in STEPPERS else self.read_whole(node, name)

    def method_call(self, node: ast.Call, func: ast.Attribute) -> ast.expr:
        """Hook a call by the name of a container's method; native finds out whether it is one."""
        effect = METHODS[func.attr]
        key = node.args[0] if effect.place is Place.ITEM and node.args else None
        if isinstance(key, ast.Starred):
            key = None
        place = Place.CONTAINER if key is None else Place.ITEM
        number = self.site(place, effect.access, func.attr, func, Flag.METHOD)
        index = self._index_to_hook(node, key)
        repeated = [again(key)] if key is not None and self.repeatable(key) else []
        receiver, plain = func.value, self.plain(func.value)
        between = [*node.args, *(keyword.value for keyword in node.keywords)]
        if index is not None and not plain and any(map(suspends, between)):
            self.sites.flag(number, Flag.SUSPENDS)
        visited = self.expression(receiver)
        self.call_arguments(node)
        if index is None:
            func.value = hook_call(protocol.METHOD, visited, number, *repeated)
        elif not plain:
            func.value = hook_call(protocol.PUSH, visited, number, *repeated)
            _replace(node, index, lambda value: hook_call(protocol.PERFORM, value, number))
        else:
            func.value = visited
            hook = protocol.ARGUMENT if key is None or repeated else protocol.KEY
            _replace(node, index, lambda value: hook_call(hook, value, number, again(receiver), *repeated))
        return node

    def asserted(self, node: ast.expr) -> ast.expr:
        """Visit a part of an assertion to which pytest gave a name: of a call, the method comes by itself."""
        if not isinstance(node, ast.Attribute) or node.attr not in METHODS or not self.active:
            return self.expression(node)
        number = self.site(Place.CONTAINER, METHODS[node.attr].access, node.attr, node, Flag.METHOD)
        node.value = hook_call(protocol.METHOD, self.expression(node.value), number)
        return node

    def _index_to_hook(self, node: ast.Call, key: ast.expr | None) -> int | None:
        """Return which argument, in order of evaluation, is to carry the point; `None`: the receiver.

        A key that cannot be repeated carries it itself, even where an argument after it runs code: native
        has to see the key.
        """
        evaluated = [*node.args, *(keyword.value for keyword in node.keywords)]
        if all(map(self.quiet, evaluated)) and (key is None or self.repeatable(key)):
            return None
        if key is not None and not self.repeatable(key):
            return 0
        unpacks = isinstance(evaluated[-1], ast.Starred) or (node.keywords and node.keywords[-1].arg is None)
        return None if unpacks else len(evaluated) - 1

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        loads = isinstance(node.ctx, ast.Load)
        node.value = self.read_whole(node.value, "*") if loads else self.expression(node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is None:
                node.values[index] = self.read_whole(value, "**")
            else:
                node.keys[index] = self.expression(key)
                node.values[index] = self.expression(value)
        return node

    # -- comparisons and conditions --------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        operands = [node.left, *node.comparators]
        searched = [
            index
            for index, operator in enumerate(node.ops)
            if isinstance(operator, ast.In | ast.NotIn) and not self.fresh(operands[index + 1])
        ]
        visited = self.expressions(operands)
        for index in searched if self.active else ():
            self._search(node, operands, visited, index)
        node.left, *node.comparators = visited
        return node

    def _search(self, node: ast.Compare, operands: list[ast.expr], visited: list[ast.expr], index: int) -> None:
        """Hook `operands[index] in operands[index + 1]`."""
        number = self.site(Place.ITEM, Access.READ, "in", node)
        element, container = operands[index], operands[index + 1]
        if self.repeatable(element):
            visited[index + 1] = hook_call(protocol.METHOD, visited[index + 1], number, again(element))
        elif index == 0 and self.plain(container):
            visited[0] = hook_call(protocol.KEY, visited[0], number, again(container))
        else:
            visited[index + 1] = hook_call(protocol.METHOD, visited[index + 1], number)

    def condition(self, node: ast.expr) -> ast.expr:
        """Visit an expression of which only the truth is used: of a container, whether it is empty."""
        if isinstance(node, ast.BoolOp):
            node.values = [self.condition(value) for value in node.values]
            return node
        pytests_own = isinstance(node, ast.Name) and node.id.startswith("@")
        if isinstance(node, ast.Name | ast.Attribute) and not pytests_own:
            return self.read_whole(node, "bool", Flag.TRUTH)
        return self.expression(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        negates = isinstance(node.op, ast.Not)
        node.operand = self.condition(node.operand) if negates else self.expression(node.operand)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        *decisive, last = node.values
        node.values = [*map(self.condition, decisive), self.expression(last)]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        node.test = self.condition(node.test)
        node.body, node.orelse = self.expression(node.body), self.expression(node.orelse)
        return node

    # -- expressions with a scope of their own ---------------------------------------------------------

    def _comprehension(self, node: ComprehensionNode) -> ast.expr:
        generators = node.generators
        generators[0].iter = self._iterable(generators[0])
        with self.inside(node, self.active):
            for number, generator in enumerate(generators):
                if number:
                    generator.iter = self._iterable(generator)
                generator.target = self.expression(generator.target)
                generator.ifs = [self.condition(test) for test in generator.ifs]
            if isinstance(node, ast.DictComp):
                node.key, node.value = self.expression(node.key), self.expression(node.value)
            else:
                node.elt = self.expression(node.elt)
        return node

    def _iterable(self, generator: ast.comprehension) -> ast.expr:
        return self.expression(generator.iter) if generator.is_async else self.read_stepwise(generator.iter)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self.defaults(node.args)
        with self.inside(node, active=True):
            node.body = self.expression(node.body)
        return node

    def defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = self.expressions(arguments.defaults)
        arguments.kw_defaults = [one and self.expression(one) for one in arguments.kw_defaults]


def _is_pytests(func: ast.expr) -> bool:
    """Whether pytest's assertion rewriting put this call here, which only runs when a test has failed.

    (A call in the assertion itself is of a plain name by then.)
    """
    root = func.value if isinstance(func, ast.Attribute) else None
    return isinstance(root, ast.Name) and root.id.startswith("@")


def _replace(node: ast.Call, index: int, change: Callable[[ast.expr], ast.expr]) -> None:
    """Change the argument `index` of the call `node`, counted in order of evaluation."""
    if index < len(node.args):
        node.args[index] = change(node.args[index])
    else:
        keyword = node.keywords[index - len(node.args)]
        keyword.value = change(keyword.value)
