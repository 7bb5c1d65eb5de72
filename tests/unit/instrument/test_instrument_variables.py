"""Variables that other tasks can see change: module globals and closure variables."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from unblink.instrument.scopes import Scopes

READ_N, WRITE_N = "READ VARIABLE n", "WRITE VARIABLE n"


def run(instrumented: Any, source: str, call: str) -> list[str]:
    namespace = instrumented.module(source)
    instrumented.hooks.operations.clear()
    exec(call, namespace)
    return list(instrumented.hooks.operations)


def test_a_global_that_a_function_rebinds_is_read_and_written(instrumented: Any) -> None:
    source = "n = 0\ndef f():\n    global n\n    n = n + 1\ndef g():\n    return n\n"
    assert run(instrumented, source, "f(); assert g() == 1") == [READ_N, WRITE_N, READ_N]


def test_a_global_that_no_function_rebinds_has_no_hooks(instrumented: Any) -> None:
    source = "n = 0\ndef f():\n    global n\n    return n\ndef g():\n    n = 1\n    return n\n"
    assert run(instrumented, source, "f(); g()") == []


def test_an_update_of_a_global_is_a_read_and_a_write(instrumented: Any) -> None:
    source = "n = 0\ndef f():\n    global n\n    n += 1\n"
    assert run(instrumented, source, "f(); assert n == 1") == [READ_N, WRITE_N]


def test_each_call_of_a_function_has_closure_variables_of_its_own(instrumented: Any) -> None:
    source = """
def make():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up
"""
    assert run(instrumented, source, "a, b = make(), make(); a(); assert a() == 2; assert b() == 1") == (
        [WRITE_N] * 2 + [READ_N, WRITE_N, READ_N] * 3
    )
    cells = instrumented.hooks.targets
    assert len({id(cell) for cell in cells}) == 2


def test_a_variable_that_is_captured_and_bound_twice_is_shared(instrumented: Any) -> None:
    source = "def f():\n    n = 0\n    def g():\n        return n\n    n = 1\n    return g()\n"
    assert run(instrumented, source, "assert f() == 1") == [WRITE_N, WRITE_N, READ_N]


def test_a_variable_that_is_captured_and_bound_once_is_not(instrumented: Any) -> None:
    source = "def f():\n    n = 0\n    return (lambda: n)()\n"
    assert run(instrumented, source, "assert f() == 0") == []


@pytest.mark.parametrize(
    "statement",
    [
        "del n",
        "n: int = 3",
        "(n := 3)",
        "n, m = 3, 4",
        "import sys as n",
        "[n := x for x in (3,)]",
        "n = m = 3",
    ],
)
def test_every_way_of_binding_by_a_statement_is_a_write(instrumented: Any, statement: str) -> None:
    if statement.startswith("n:"):
        source = "n = 0\ndef f():\n    global n\n    n = 1\n"
        statement = "n = 1"
    source = f"n = 0\ndef f():\n    global n\n    {statement}\n"
    assert run(instrumented, source, "f()") == [WRITE_N]


def test_a_walrus_in_a_comprehension_writes_the_variable_of_the_function(instrumented: Any) -> None:
    source = """
def f():
    n = 0
    def g():
        nonlocal n
        return [n := x for x in (1, 2)]
    g()
    return n
"""
    assert run(instrumented, source, "assert f() == 2") == [WRITE_N] * 3 + [READ_N]


def test_private_names_are_mangled(instrumented: Any) -> None:
    source = """
_C__n = 0
class C:
    def f(self):
        global __n
        __n += 1
        self.__x = __n
"""
    assert run(instrumented, source, "C().f()") == [
        "READ VARIABLE _C__n", "WRITE VARIABLE _C__n", "READ VARIABLE _C__n", "WRITE ATTRIBUTE _C__x",
    ]  # fmt: skip


def test_a_class_body_does_not_hide_or_own_the_variables_of_its_methods(instrumented: Any) -> None:
    source = """
n = 0
class C:
    n = 5
    def f(self):
        global n
        n += 1
        return n
"""
    assert run(instrumented, source, "assert C().f() == 1") == [READ_N, WRITE_N, READ_N]


def test_an_update_through_a_shared_receiver_does_not_read_the_variable_again(instrumented: Any) -> None:
    source = """
import types
n = types.SimpleNamespace(v=1, d={})
def f():
    global n
    n.v += 1
    n = n
    n.d[0] = n.v
"""
    assert run(instrumented, source, "f(); assert n.v == 2") == [
        READ_N, "READ ATTRIBUTE v", "WRITE ATTRIBUTE v", READ_N, WRITE_N,
        READ_N, "READ ATTRIBUTE v", READ_N, "READ ATTRIBUTE d", "WRITE ITEM 0",
    ]  # fmt: skip


SHADOWED = """
def outer(n):
    def inner():
        nonlocal n
        n = 1
        def deeper():
            n = 2
            return [n for n in (3,)]
        return lambda n: n
    class Body:
        n = 4
        def method(self):
            return n
    return inner, Body
"""


def test_shadowing_is_resolved_as_the_language_does() -> None:
    tree = ast.parse(SHADOWED)
    scopes = Scopes(tree)
    functions = {
        getattr(node, "name", type(node).__name__): node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.ListComp)
    }
    outer = scopes[functions["outer"]]
    assert outer.shares("n")
    assert {name for name, node in functions.items() if scopes[node].owner("n") is outer} == {
        "outer", "inner", "method",
    }  # fmt: skip


def test_functions_have_the_names_that_python_gives_them() -> None:
    source = """
def f():
    global h
    def g(): pass
    def h(): pass
    class C:
        def m(self): return [lambda: 0]
class D:
    async def m(self): pass
"""
    tree = ast.parse(source)
    scopes = Scopes(tree)
    expected: set[str] = set()

    def collect(code: Any) -> None:
        for constant in code.co_consts:
            if hasattr(constant, "co_consts"):
                expected.add(constant.co_qualname)
                collect(constant)

    collect(compile(source, "<source>", "exec"))
    scoped = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    ours = {scopes[node].qualname for node in ast.walk(tree) if isinstance(node, scoped)}
    assert ours == {name for name in expected if not name.endswith("<listcomp>")} or any(
        "<listcomp>" in name for name in expected
    )
