"""What a program can see of itself is the same with hooks and without."""

from __future__ import annotations

import ast
import collections
import dis
import importlib
import itertools
import sys
import traceback
import types
from pathlib import Path
from typing import Any

import pytest

from unblink.instrument.compiled import compile_instrumented, compile_plain
from unblink.instrument.protocol import CELL_MARK, HOOKS
from unblink.instrument.sites import NUMBER_MARK

SAMPLE = """
class Base:
    def value(self): return 1
class C(Base):
    __slots__ = ("x", "__private")
    def __init__(self):
        self.x = 1
        self.__private = 2
    def value(self):
        return super().value() + self.x + self.__private + len([__class__])
    @property
    def twice(self): return self.x * 2
    def __getattr__(self, name): return "missing " + name
def local_names(obj):
    xs = [1]
    xs.append(obj.x)
    return sorted(locals())
def generator(obj):
    received = yield obj.x
    while received:
        received = yield received
def walrus(obj):
    return [y := x + obj.x for x in range(3) if (z := x) >= 0], y, z
def matching(obj):
    match obj:
        case C(x=1) if obj.x: return "one"
        case Color.RED: return "red"
        case {"a": [first, *rest], **others} if first in rest: return first, rest, others
        case _: return None
class Color:
    RED = 7
def starred(obj):
    first, *obj.x = [1, 2, 3]
    (a, [b, *c]), obj.y = (1, "xyz"), 2
    return first, a, b, c, *obj.x
def chained(d): return 0 < d["a"] <= d["b"] in d["c"] is not None
def formatted(obj): return f"{obj.x!r:>{obj.w}} {obj.x=}"
def nested():
    total = 0
    def inner(n):
        nonlocal total
        total += n
        return lambda: total
    return [inner(n)() for n in (1, 2, 3)], total
async def asynchronous(obj):
    async def agen():
        for x in obj.xs: yield x
    return [x async for x in agen() if x in obj.xs]
def annotated(obj: "no.such.name") -> obj_missing.attr if False else None:
    local: no.such.annotation = obj.x
    return local
def caught(obj):
    try:
        return obj.xs[obj.index]
    except LookupError as obj_error:
        return type(obj_error).__name__
    finally:
        del obj.index
"""


def both(instrumented: Any) -> list[dict[str, Any]]:
    plain: dict[str, Any] = {"__name__": "instrumented"}
    exec(compile_plain(SAMPLE, "<source>").code, plain)
    return [plain, instrumented.module(SAMPLE)]


def drive(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def bag(**attributes: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**attributes)


def results(module: dict[str, Any]) -> list[Any]:
    generator = module["generator"](bag(x=1))
    thing = module["C"]()
    several = bag(x=1)
    return [
        thing.value(), thing.twice, thing.other, sorted(module["C"].__dict__),
        module["local_names"](bag(x=1)), next(generator), generator.send(5), list(generator),
        module["walrus"](bag(x=2)), module["matching"](thing), module["matching"](7),
        module["matching"]({"a": [1, 1], "b": 2}), module["matching"](8),
        module["starred"](several), vars(several), module["chained"]({"a": 1, "b": 2, "c": [2]}),
        module["formatted"](bag(x=1, w=5)), module["nested"](),
        drive(module["asynchronous"](bag(xs=[1, 2]))), module["annotated"](bag(x=3)),
        module["caught"](bag(xs=[], index=3)), module["annotated"].__annotations__,
    ]  # fmt: skip


def test_the_same_results(instrumented: Any) -> None:
    plain, hooked = both(instrumented)
    assert results(hooked) == results(plain)


def test_no_namespace_gains_a_name(instrumented: Any) -> None:
    plain, hooked = both(instrumented)
    assert hooked.keys() == plain.keys()
    for name, value in plain.items():
        if isinstance(value, types.FunctionType):
            code, other = value.__code__, hooked[name].__code__
            for attribute in ("co_varnames", "co_cellvars", "co_freevars", "co_flags", "co_qualname"):
                assert getattr(other, attribute) == getattr(code, attribute)


def test_a_traceback_is_the_same_to_the_caret(instrumented: Any, tmp_path: Path) -> None:
    source = (
        "def f(obj):\n    obj.d[obj.key] += obj.step\ndef g(obj):\n    return f(obj.inner) + [obj.x\n        .y.z]\n"
    )
    path = tmp_path / "failing.py"
    path.write_text(source)
    texts = []
    for code in (compile_plain(source, str(path)).code, instrumented.code(source, filename=str(path))):
        namespace: dict[str, Any] = {}
        exec(code, namespace)
        inner = bag(d={"k": 1}, key="k", step="text")
        for argument in (bag(inner=inner), bag(inner=bag(d=[], key=2)), None):
            try:
                namespace["g"](argument)
            except Exception as error:
                lines = traceback.format_exception(error.with_traceback(error.__traceback__.tb_next))  # type: ignore[union-attr]
                texts.append("".join(lines))
    assert texts[:3] == texts[3:]
    assert "failing.py" in texts[0]


def test_docstrings_and_future_imports_stay_first(instrumented: Any) -> None:
    source = '"""Doc."""\nfrom __future__ import annotations\ndef f(x: no.such):\n    """F."""\n    x.n += 1\n'
    namespace = instrumented.module(source)
    assert namespace["__doc__"] == "Doc."
    assert namespace["f"].__doc__ == "F."
    assert namespace["f"].__annotations__ == {"x": "no.such"}


def test_the_statements_of_modules_and_classes_have_no_hooks_unless_asked_for(instrumented: Any) -> None:
    source = "import types\nbox = types.SimpleNamespace(n=1)\nbox.n += 1\nclass C:\n    x = box.n\n"
    instrumented.module(source)
    assert instrumented.hooks.operations == []
    exec(instrumented.code(source, hook_module_level=True), {})
    assert instrumented.hooks.operations == ["READ ATTRIBUTE n", "WRITE ATTRIBUTE n"]


def test_a_class_whose_namespace_knows_every_name_is_left_alone(instrumented: Any) -> None:
    source = """
class Names(dict):
    def __missing__(self, name):
        self[name] = name
        return name
class Meta(type):
    def __prepare__(name, bases): return Names(__name__="m")
    def __new__(meta, name, bases, namespace): return sorted(namespace)
def make():
    class C(metaclass=Meta):
        one.two if False else one
        __module__
    return C
"""
    assert "one" in instrumented.module(source)["make"]()
    assert not any("unblink" in name for name in instrumented.module(source)["make"]())


def test_code_without_sites_is_not_copied(instrumented: Any) -> None:
    compiled = compile_instrumented("def f(): return 1\ndef g(x): return x.y\n", "<source>")
    functions = {one.co_name: one for one in compiled.code.co_consts if isinstance(one, types.CodeType)}
    ready = compiled.ready(instrumented.register)
    after = {one.co_name: one for one in ready.co_consts if isinstance(one, types.CodeType)}
    assert after["f"] is functions["f"]
    assert NUMBER_MARK not in after["g"].co_consts
    assert 1000 in after["g"].co_consts


def test_a_module_that_is_nested_too_deeply_is_compiled_without_hooks() -> None:
    source = "def f(x):\n    return " + "+".join(["x.a"] * 900)
    compiled = compile_instrumented(source, "<source>")
    assert compiled.code.co_filename == "<source>"


@pytest.mark.parametrize(
    "source", ["return 1", "def f(:", "def f():\n  nonlocal x\n", "x = 1\n  y", "def f(x, x): x.y"]
)
def test_a_syntax_error_is_the_one_that_python_gives(source: str) -> None:
    errors = []
    for compiler in (compile_plain, compile_instrumented):
        with pytest.raises(SyntaxError) as caught:
            compiler(source, "<source>")
        errors.append((str(caught.value), caught.value.lineno, caught.value.offset, caught.value.text))
    assert errors[0] == errors[1]


# -- a sample of the standard library: what its instructions say of their places is unchanged ------------

LIBRARY = [
    "argparse",
    "dataclasses",
    "enum",
    "queue",
    "threading",
    "typing",
    "asyncio.base_events",
    "json.decoder",
]


def instructions(code: types.CodeType) -> list[tuple[str, Any]]:
    same = {"LOAD_METHOD": "LOAD_ATTR"}  # by what the receiver is written as, on 3.11
    return [(same.get(one.opname, one.opname), one.positions) for one in dis.get_instructions(code)]


def functions(plain: types.CodeType, hooked: types.CodeType) -> list[tuple[types.CodeType, types.CodeType]]:
    inner = [[one for one in code.co_consts if isinstance(one, types.CodeType)] for code in (plain, hooked)]
    inner[1] = [one for one in inner[1] if one.co_varnames[:1] != (CELL_MARK,)]
    pairs = list(zip(*inner, strict=True))
    return [*pairs, *itertools.chain.from_iterable(itertools.starmap(functions, pairs))]


@pytest.mark.parametrize("name", LIBRARY)
def test_instructions_keep_their_positions(name: str) -> None:
    path = importlib.import_module(name).__file__
    assert path is not None
    source = Path(path).read_bytes()
    plain, hooked = compile_plain(source, path).code, compile_instrumented(source, path).code
    watched = {"LOAD_ATTR", "STORE_ATTR", "BINARY_SUBSCR", "STORE_SUBSCR", "BINARY_OP", "CALL", "CONTAINS_OP"}
    differing = 0
    for before, after in functions(plain, hooked):
        kept = {one for one in instructions(after) if one[0] in watched}
        # The compiler copies short ends of functions, and a copy loses its place; the copies differ.
        differing += not {one for one in instructions(before) if one[0] in watched and one[1].lineno} <= kept
    assert differing <= 1


@pytest.mark.parametrize("name", LIBRARY)
def test_lines_are_met_in_the_same_order(name: str) -> None:
    path = importlib.import_module(name).__file__
    assert path is not None
    source = Path(path).read_bytes()
    plain, hooked = compile_plain(source, path).code, compile_instrumented(source, path).code
    differing = collections.Counter(
        [line for line, _ in itertools.groupby(p.lineno for _, p in instructions(before) if p.lineno)]
        == [line for line, _ in itertools.groupby(p.lineno for _, p in instructions(after) if p.lineno)]
        for before, after in functions(plain, hooked)
    )
    assert differing[False] <= 0.01 * differing[True]


def test_every_hook_name_is_safe_from_mangling() -> None:
    assert all(name.startswith("__") and name.endswith("__") for name in HOOKS)
    assert "__unblink_r__" in ast.dump(_instrumented_tree("class C:\n  def f(self, o): return o.x"))


def _instrumented_tree(source: str) -> ast.Module:
    from unblink.instrument import instrument

    tree = ast.parse(source)
    instrument(tree)
    return tree


@pytest.mark.skipif(sys.version_info < (3, 13), reason="classes tell their attributes from Python 3.13")
def test_a_class_still_tells_which_attributes_its_methods_assign(instrumented: Any) -> None:
    source = """
class C:
    def __new__(cls):
        thing = self = object.__new__(cls)
        self.made = thing.x
        return self
    def __init__(self):
        '''Doc.'''
        self.__private = self.n = 1
        def inner():
            self.inner += 1
        class D:
            def method(self): self.other = 1
"""
    plain: dict[str, Any] = {}
    exec(compile_plain(source, "<source>").code, plain)
    hooked = instrumented.module(source)["C"]
    assert set(hooked.__static_attributes__) == set(plain["C"].__static_attributes__)
    assert hooked.__init__.__doc__ == "Doc."
    assert hooked.__new__.__code__.co_varnames == plain["C"].__new__.__code__.co_varnames
