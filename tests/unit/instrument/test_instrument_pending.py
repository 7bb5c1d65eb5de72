"""The stack of pending operations: exceptions, recursion, suspension."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

CLASS = """
class Box:
    def __init__(self):
        self.d = {}
        self.xs = []
    def fail(self):
        raise LookupError
"""


def test_what_an_exception_left_behind_is_dropped(instrumented: Any) -> None:
    source = """
def f(box):
    for number in (1, 2):
        try:
            box.inner.d[box.fail()] = 1
        except LookupError:
            pass
    box.inner.d[str(3)] = 1
"""

    def fail() -> None:
        raise LookupError

    box = SimpleNamespace(inner=SimpleNamespace(d={}), fail=fail)
    instrumented.module(source)["f"](box)
    assert instrumented.hooks.operations[-1] == "WRITE ITEM '3'"
    assert instrumented.hooks.targets[-1] is box.inner.d


def test_recursion_through_one_site_keeps_the_receivers_apart(instrumented: Any) -> None:
    source = """
def fill(node, depth):
    if depth < 3:
        node.own.xs.append(fill(node.child, depth + 1))
    if depth == 3:
        try:
            node.own.xs.append(fill(None, 2))
        except AttributeError:
            pass
    return depth
"""
    nodes: Any = None
    every = []
    for _ in range(5):
        nodes = SimpleNamespace(own=SimpleNamespace(xs=[]), child=nodes)
        every.append(nodes)
    instrumented.module(source)["fill"](nodes, 0)
    hooks = instrumented.hooks
    appended = [hooks.targets[i] for i, one in enumerate(hooks.operations) if "append" in one]
    assert [id(one) for one in appended] == [id(node.own.xs) for node in every[2:]]


def test_an_update_across_an_await_writes_where_it_read(instrumented: Any) -> None:
    source = """
async def add(box, value):
    box.inner.n += await value
async def direct(box, value):
    box.n += await value
"""

    class Wait:
        def __await__(self) -> Any:
            return (yield)

    namespace = instrumented.module(source)
    box = SimpleNamespace(n=0, inner=SimpleNamespace(n=0))
    runs = [namespace[name](box, Wait()) for name in ("add", "direct", "add")]
    for run in runs:
        run.send(None)
    for run in runs:
        try:
            run.send(5)
        except StopIteration:
            pass
    assert box.inner.n == 5
    hooks = instrumented.hooks
    written = [hooks.targets[i] for i, one in enumerate(hooks.operations) if one == "WRITE ATTRIBUTE n"]
    assert [id(one) for one in written] == [id(box.inner), id(box), id(box.inner)]


def test_the_point_stands_after_everything_else_was_evaluated(instrumented: Any) -> None:
    order: list[str] = []
    instrumented.hooks.on_point = order.append

    def say(word: str) -> str:
        order.append(word)
        return word

    source = """
def f(box, say):
    box.d[say("key")] = say("value")
    box.xs.append(say("item"))
    box.d.setdefault("key", say("default"))
    box.n += say("more")
"""
    instrumented.module(source)["f"](SimpleNamespace(d={}, xs=[], n=""), say)
    assert order == [
        "value", "READ ATTRIBUTE d", "key", "WRITE ITEM 'key'",
        "READ ATTRIBUTE xs", "item", "WRITE CONTAINER append",
        "READ ATTRIBUTE d", "default", "UPDATE ITEM 'key' by setdefault",
        "READ ATTRIBUTE n", "more", "WRITE ATTRIBUTE n",
    ]  # fmt: skip
