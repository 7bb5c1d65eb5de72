"""Whether CPython can switch between two accesses: judged from the bytecode between, and from the types that it meets."""

import ast
import inspect
import sys
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from unblink.gil.operands import (
    Effect,
    Operand,
    attribute,
    binary,
    contains,
    known,
    overwritten,
    set_attribute,
    set_subscript,
    subscript,
    truth,
)
from unblink.gil.switching import Before, between, worse
from unblink.ground.sources import Hook
from unblink.model.finding import Gil
from unblink.model.site import Access, Place


class Box:
    def __init__(self, **values):
        self.n = 0
        vars(self).update(values)


class Loud:
    """Everything it can do is written in Python."""

    def __add__(self, other):
        return 1

    __radd__ = __iadd__ = __add__

    def __bool__(self):
        return True

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return True

    def __setattr__(self, name, value):
        raise AttributeError

    def __getitem__(self, key):
        return 1

    __contains__ = __setitem__ = __getitem__

    @property
    def shown(self):
        return 1


def accesses(function):
    """Return the hooks of the accesses to an attribute `n` in a function: the first read, the last write."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse("".join(lines))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "n"]
    reads = [node for node in found if isinstance(node.ctx, ast.Load)]
    writes = [node for node in found if isinstance(node.ctx, ast.Store)]

    def hook(node, access):
        return Hook(
            function.__code__.co_filename, first + node.lineno - 1, node.col_offset, node.end_col_offset,
            function.__qualname__, Place.ATTRIBUTE, access, "n", 0,
        )  # fmt: skip

    return hook(reads[0] if reads else writes[0], Access.READ), hook(writes[-1], Access.WRITE)


def judged(function, *arguments, heavy=()):
    return between(function(*arguments), *accesses(function), Before(heavy))


def augmented(box, by):
    box.n += by
    return sys._getframe()


def in_two_statements(box):
    n = box.n
    box.n = n + 1
    return sys._getframe()


def with_a_call(box):
    n = box.n
    box.n = abs(n)
    return sys._getframe()


def with_a_call_before(box):
    one = abs(-1)
    box.n = one + box.n
    return sys._getframe()


def with_a_call_on_some_way(box):
    n = box.n
    if n < 0:
        n = abs(n)
    box.n = n
    return sys._getframe()


def with_a_loop(box):
    n = box.n
    for by in (1, 2):
        n = n + by
    box.n = n
    return sys._getframe()


def with_a_loop_left_at_once(box, limit):
    n = box.n
    while n < limit:
        n = n + 1
    box.n = n
    return sys._getframe()


def with_a_loss(box, kept):
    n = box.n
    kept = None
    box.n = n + 1
    return sys._getframe() if kept is None else None


def with_a_write_between(box, other):
    n = box.n
    other.m = None
    box.n = n + 1
    return sys._getframe()


def with_a_read_that_may_not_be(box, flag):
    if flag:
        flag = box.n
    box.n = 5
    return sys._getframe()


def test_nothing_between_numbers_can_switch():
    assert judged(augmented, Box(), 1) is Gil.ONLY_FREE_THREADED
    assert judged(in_two_statements, Box()) is Gil.ONLY_FREE_THREADED
    assert judged(with_a_call_before, Box()) is Gil.ONLY_FREE_THREADED


def test_an_operand_that_adds_in_python_can_switch():
    assert judged(augmented, Box(), Loud()) is Gil.CAN_HAPPEN


def test_of_an_operand_of_an_unknown_type_nothing_is_claimed():
    assert judged(augmented, Box(n=Decimal(1)), Decimal(1)) is Gil.UNKNOWN


def test_a_call_or_a_loop_between_can_switch():
    assert judged(with_a_call, Box()) is Gil.CAN_HAPPEN
    assert judged(with_a_loop, Box()) is Gil.CAN_HAPPEN


def test_if_only_some_ways_can_switch_nothing_is_claimed():
    assert judged(with_a_call_on_some_way, Box()) is Gil.UNKNOWN
    assert judged(with_a_loop_left_at_once, Box(), 0) is Gil.UNKNOWN


def test_the_loss_of_what_may_have_a_finaliser_is_not_called_safe():
    assert judged(with_a_loss, Box(), 1) is Gil.ONLY_FREE_THREADED
    assert judged(with_a_loss, Box(), Box(), heavy={"kept"}) is Gil.UNKNOWN
    assert judged(with_a_write_between, Box(), Box(m=1)) is Gil.UNKNOWN


def test_a_read_that_an_earlier_call_may_have_made_proves_nothing():
    assert judged(with_a_read_that_may_not_be, Box(), 1) is Gil.UNKNOWN


def test_a_write_and_a_read_that_no_way_connects_are_of_two_calls():
    read, write = accesses(augmented)
    assert between(augmented(Box(), 1), write, read, Before()) is Gil.CAN_HAPPEN


def test_code_without_a_source_is_not_judged():
    names = {}
    exec("import sys\ndef made(box):\n    box.n += 1\n    return sys._getframe()\n", names)
    read, write = accesses(augmented)
    assert between(names["made"](Box()), read, write, Before()) is Gil.UNKNOWN


@pytest.mark.parametrize("one", list(Gil))
def test_two_stretches_are_as_open_as_the_worse_of_them(one):
    assert worse(one, Gil.CAN_HAPPEN) is worse(Gil.CAN_HAPPEN, one) is Gil.CAN_HAPPEN
    assert worse(one, Gil.ONLY_FREE_THREADED) is one


def test_methods_in_python_are_found_by_every_operator():
    loud, box = known(Loud()), known(Box(loud=1))
    judgements = [
        binary(loud, known(1), "+")[0],
        binary(known(1), loud, "+=")[0],
        truth(loud),
        contains(known(1), loud),
        contains(loud, known({1: 1})),
        attribute(loud, "shown")[0],
        set_attribute(loud, "n"),
        subscript(loud, known(1))[0],
        set_subscript(known({}), loud),
    ]
    assert judgements == [Effect.SWITCHES] * len(judgements)
    assert set_attribute(box, "n") is attribute(box, "loud")[0] is truth(box) is Effect.INERT


def test_a_container_of_what_compares_in_python_is_not_called_safe():
    assert subscript(known({1: 2}), known(1)) == (Effect.INERT, known(2))
    assert subscript(known({Loud(): 2}), known(1))[0] is Effect.UNCLEAR
    assert contains(known(1), known([Loud()])) is Effect.UNCLEAR
    assert contains(known(1), Operand(made=tuple)) is Effect.UNCLEAR


def test_a_missing_key_may_call_its_factory():
    assert subscript(known(defaultdict(int)), known(1))[0] is Effect.INERT
    assert subscript(known(defaultdict(lambda: 1)), known(1))[0] is Effect.SWITCHES
    assert subscript(known(Counter()), known(1))[0] is Effect.SWITCHES


def test_what_a_write_replaces_is_looked_at_before_it():
    assert overwritten({"a": 1}, "a") is overwritten({}, "a") is overwritten(Box(), "n") is Effect.INERT
    assert overwritten({"a": Box()}, "a") is overwritten(Box(n=Box()), "n") is Effect.UNCLEAR
