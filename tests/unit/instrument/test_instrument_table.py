"""Each row of the table: what a piece of source does, as the hooks are told."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from unblink.instrument.methods import EFFECTS
from unblink.model.site import Place


def names() -> dict[str, Any]:
    return {
        "obj": SimpleNamespace(n=1, inner=SimpleNamespace(n=5), d={"k": 1, 2: 3}, xs=[3, 1], key="k", f=len),
        "d": {"k": 1, 2: 3},
        "xs": [3, 1, 2],
        "k": "k",
        "one": lambda: 1,
        "context": nullcontext(7),
    }


ROWS: list[tuple[str, list[str]]] = [
    ("return obj.n", ["READ ATTRIBUTE n"]),
    ("return obj.inner.n", ["READ ATTRIBUTE inner", "READ ATTRIBUTE n"]),
    ("return obj.f([])", ["READ ATTRIBUTE f"]),
    ("obj.n = 2", ["WRITE ATTRIBUTE n"]),
    ("obj.n: int = 2", ["WRITE ATTRIBUTE n"]),
    ("del obj.n", ["WRITE ATTRIBUTE n"]),
    ("obj.inner.n = obj.n", ["READ ATTRIBUTE n", "READ ATTRIBUTE inner", "WRITE ATTRIBUTE n"]),
    ("obj.n, obj.m = 1, 2", ["WRITE ATTRIBUTE n", "WRITE ATTRIBUTE m"]),
    ("for obj.n in (1, 2): pass", ["WRITE ATTRIBUTE n", "WRITE ATTRIBUTE n"]),
    ("obj.n += 1", ["READ ATTRIBUTE n", "WRITE ATTRIBUTE n"]),
    ("obj.n += obj.inner.n", [f"READ ATTRIBUTE {n}" for n in ("n", "inner", "n")] + ["WRITE ATTRIBUTE n"]),
    ("obj.inner.n += one()", ["READ ATTRIBUTE inner", "READ ATTRIBUTE n", "WRITE ATTRIBUTE n"]),
    ("return d[k]", ["READ ITEM 'k'"]),
    ("return d['k'], xs[-1]", ["READ ITEM 'k'", "READ ITEM -1"]),
    ("return xs[one()]", ["READ ITEM 1"]),
    ("d[k] = 1", ["WRITE ITEM 'k'"]),
    ("del d[k]", ["WRITE ITEM 'k'"]),
    ("d[one()], xs[0] = 4, 5", ["WRITE ITEM 1", "WRITE ITEM 0"]),
    ("return obj.d[k]", ["READ ATTRIBUTE d", "READ ITEM 'k'"]),
    ("obj.d[obj.key] = one()", ["READ ATTRIBUTE d", "READ ATTRIBUTE key", "WRITE ITEM 'k'"]),
    ("del obj.d[k]", ["READ ATTRIBUTE d", "WRITE ITEM 'k'"]),
    ("d[k] += 1", ["READ ITEM 'k'", "WRITE ITEM 'k'"]),
    ("xs[one()] += one()", ["READ ITEM 1", "WRITE ITEM 1"]),
    ("obj.d[k] += one()", ["READ ATTRIBUTE d", "READ ITEM 'k'", "WRITE ITEM 'k'"]),
    ("obj.xs[one()] += one()", ["READ ATTRIBUTE xs", "READ ITEM 1", "WRITE ITEM 1"]),
    ("return xs[1:]", ["READ CONTAINER None"]),
    ("xs[one():] = [obj.n]", ["READ ATTRIBUTE n", "WRITE CONTAINER None"]),
    ("xs[1:] += [4]", ["READ CONTAINER None", "WRITE CONTAINER None"]),
    ("obj.xs[:1] *= 2", ["READ ATTRIBUTE xs", "READ CONTAINER None", "WRITE CONTAINER None"]),
    ("return k in d", ["READ ITEM 'k' by in"]),
    ("return obj.key not in d", ["READ ATTRIBUTE key", "READ ITEM 'k' by in"]),
    ("return k in obj.d", ["READ ATTRIBUTE d", "READ ITEM 'k' by in"]),
    ("return 1 < 3 in xs", ["READ ITEM 3 by in"]),
    ("return k in ('a', 'k')", []),
    ("xs.append(1)", ["WRITE CONTAINER append"]),
    ("xs.append(one())", ["WRITE CONTAINER append"]),
    ("xs.append(obj.n)", ["READ ATTRIBUTE n", "WRITE CONTAINER append"]),
    ("obj.xs.append(obj.n)", ["READ ATTRIBUTE xs", "READ ATTRIBUTE n", "WRITE CONTAINER append"]),
    ("xs.extend(*[[1]])", ["WRITE CONTAINER extend"]),
    ("xs.sort(key=obj.f and None)", ["READ ATTRIBUTE f", "READ CONTAINER bool", "UPDATE CONTAINER sort"]),
    ("return xs.pop()", ["UPDATE CONTAINER pop"]),
    ("return d.get(k)", ["READ ITEM 'k' by get"]),
    ("return d.get(k, obj.n)", ["READ ATTRIBUTE n", "READ ITEM 'k' by get"]),
    ("return d.pop(obj.key, None)", ["READ ATTRIBUTE key", "UPDATE ITEM 'k' by pop"]),
    ("d.setdefault(3, [])", ["UPDATE ITEM 3 by setdefault"]),
    ("obj.d.setdefault(k, one())", ["READ ATTRIBUTE d", "UPDATE ITEM 'k' by setdefault"]),
    ("obj.d.pop(obj.key, 1)", ["READ ATTRIBUTE d", "READ ATTRIBUTE key", "UPDATE ITEM 'k' by pop"]),
    ("return len(xs)", ["READ CONTAINER len"]),
    ("return min(xs), min(1, 2)", ["READ CONTAINER min"]),
    ("return sorted(obj.xs, reverse=True)", ["READ ATTRIBUTE xs", "READ CONTAINER sorted"]),
    ("return [*xs], {**d}", ["READ CONTAINER *", "READ CONTAINER **"]),
    ("one(*[], **{})", []),
    ("for x in xs: pass", ["READ CONTAINER for"] * 4),
    ("for i, x in enumerate(xs): pass", ["READ CONTAINER for"] * 4),
    ("for x in range(3): pass", []),
    ("return [x for x in xs if x > 1]", ["READ CONTAINER for"] * 4),
    ("return list(map(str, xs))", ["READ CONTAINER for"] * 4),
    ("if not xs: pass", ["READ CONTAINER bool"]),
    ("return obj.xs or None", ["READ ATTRIBUTE xs", "READ CONTAINER bool"]),
    ("return obj.n if obj.xs else 0", ["READ ATTRIBUTE xs", "READ CONTAINER bool", "READ ATTRIBUTE n"]),
    ("return f'{obj.n}'", ["READ ATTRIBUTE n"]),
    ("return (lambda: obj.n)()", ["READ ATTRIBUTE n"]),
    ("with context as obj.file: pass", ["WRITE ATTRIBUTE file"]),
    ("return 'a'.join(()), obj.__dict__", []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_the_hooks_are_told_each_operation_in_order(instrumented: Any, source: str, expected: list[str]) -> None:
    assert instrumented.operations(source, **names()) == expected
    assert instrumented.hooks.pending == []


@pytest.mark.parametrize("source", [row[0] for row in ROWS])
def test_the_result_is_the_same_as_without_hooks(instrumented: Any, source: str) -> None:
    with_hooks, without = names(), names()
    namespace: dict[str, Any] = {}
    exec(f"def function({', '.join(without)}):\n    {source}", namespace)
    expected = namespace["function"](**without)
    instrumented.operations(source, **with_hooks)
    assert instrumented.result == expected
    for name in without.keys() - {"one", "context"}:
        assert with_hooks[name] == without[name]


def _arguments(method: str, place: Place) -> str:
    if method == "insert":
        return "0, 1"
    if place is Place.ITEM or method in {"append", "appendleft", "remove", "index", "count"}:
        return "1"
    needs_iterable = {"extend", "extendleft", "issubset", "issuperset", "isdisjoint"}
    return "()" if method in needs_iterable or method.startswith("symmetric") else ""


@pytest.mark.parametrize(
    ("kind", "method"), [(kind, method) for kind, methods in EFFECTS.items() for method in methods]
)
def test_every_method_of_the_table_exists_and_is_hooked(instrumented: Any, kind: type, method: str) -> None:
    effect = EFFECTS[kind][method]
    arguments = _arguments(method, effect.place)
    receiver = kind() if kind not in {dict} else {1: 1}
    assert hasattr(receiver, method)
    try:
        operations = instrumented.operations(f"return c.{method}({arguments})", c=receiver)
    except (LookupError, ValueError, TypeError):  # it is empty; the hook came before
        operations = instrumented.hooks.operations
    assert len(operations) == 1
    access, place, *_ = operations[0].split()
    assert operations[0].endswith(method)
    assert place in ({"ITEM"} if effect.place is Place.ITEM else {"CONTAINER", "ITEM"})
    strength = ["READ", "WRITE", "UPDATE"]
    assert strength.index(access) >= int(effect.access)


def test_no_method_of_a_container_that_changes_it_is_missing_from_the_table() -> None:
    untouched = {"fromkeys"}
    of_bytes = set(dir(bytes))
    for kind, methods in EFFECTS.items():
        public = {name for name in dir(kind) if not name.startswith("_")} - untouched
        if kind is bytearray:
            public -= of_bytes - methods.keys()
        if hasattr(kind, "maxlen"):
            public -= {"maxlen"}
        assert public - methods.keys() <= {"default_factory"}, kind
