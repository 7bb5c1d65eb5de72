"""Whether CPython with its GIL can switch threads between two accesses of one function.

It switches where it checks for that: at the start of a Python function and after a `yield`, after a call of anything
else, and at a backward jump; nowhere between two other instructions. So the program's own bytecode, compiled anew
without our hooks, is followed from the first access to the second.

Invariants. ONLY_FREE_THREADED is said only if no way between the two has a check, no instruction on it can start a
function of the program or drop what has a finaliser (see `operands`), and no earlier call of the function can have
made the first access. CAN_HAPPEN is said only if every way has a check. All else is UNKNOWN.

The specialised forms of `len`, `isinstance`, `type` and `list.append` check nothing, but a call site begins
unspecialised and may become so again: they count as calls.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Final

from unblink.gil import operands as judged
from unblink.gil.bytecode import CHECKS, Function, compiled, is_boundary, position
from unblink.gil.operands import Effect, Operand
from unblink.gil.ways import Way
from unblink.ground.sources import Hook
from unblink.model.finding import Gil

_MOST_STEPS: Final = 5000


@dataclass(frozen=True, slots=True)
class Before:
    """What must be known of the time of the first access: which local variables held what may have a finaliser, and
    what the loss of that does which the access itself replaced."""

    heavy: Collection[str] = ()
    lost: Effect = Effect.INERT


def between(frame: FrameType, first: Hook, second: Hook, before: Before) -> Gil:
    """Judge the way from the access `first` to `second`, which `frame` is about to perform."""
    function = compiled(frame.f_code)
    if function is None or first.filename != second.filename:
        return Gil.UNKNOWN
    starts, ends = function.performing(first), function.performing(second)
    if not starts or not ends:
        return Gil.UNKNOWN
    found = {effect for start in starts for effect in _effects(function, frame, start, ends, before)}
    if not found and not function.leads(starts, ends):  # the function has returned, and was called again
        return Gil.CAN_HAPPEN
    if found == {Effect.SWITCHES}:
        return Gil.CAN_HAPPEN
    if found == {Effect.INERT} and not function.leads({0}, ends, avoiding=starts):
        return Gil.ONLY_FREE_THREADED
    return Gil.UNKNOWN


def worse(one: Gil, other: Gil) -> Gil:
    """Return what holds of two stretches in a row: a switch in either is one in both together."""
    for gil in (Gil.CAN_HAPPEN, Gil.UNKNOWN):
        if gil in (one, other):
            return gil
    return Gil.ONLY_FREE_THREADED


def _effects(
    function: Function, frame: FrameType, start: int, ends: frozenset[int], before: Before
) -> Iterator[Effect]:
    """Yield the worst effect on each way from the access at `start` to one of `ends`."""
    way = _opened(Way(function, frame, before.heavy, start))
    one = function.instructions[start]
    way.perform(one)
    if one.opname.startswith("STORE_"):
        way.effect = before.lost
    elif one.opname not in CHECKS:  # a check inside of the access may come before it is done
        way.effect = min(way.effect, Effect.UNCLEAR)
    ways = list(_following(way, start))
    for _ in range(_MOST_STEPS):
        if not ways:
            return
        way = ways.pop()
        if way.at in ends:
            _arrive(way)
            yield way.effect
        elif (way.at, way.effect) not in way.seen:
            way.seen |= {(way.at, way.effect)}
            way.perform(function.instructions[way.at])
            ways.extend(_following(way, way.at))
    yield Effect.UNCLEAR


def _opened(way: Way) -> Way:
    """Return `way` with the stack as the statement has made it up to where the way begins."""
    instructions, start = way.function.instructions, way.at
    line = position(instructions[start])[0]
    begin = start
    while begin and position(instructions[begin - 1])[0] == line and not is_boundary(instructions[begin - 1]):
        begin -= 1
    for one in instructions[begin:start]:
        way.perform(one)
    way.effect = Effect.INERT
    way.stored.clear()
    return way


def _following(way: Way, at: int) -> Iterator[Way]:
    """Yield the ways that go on from the instruction at `at`, which `way` has performed."""
    one = way.function.instructions[at]
    entered = one.opname == "FOR_ITER" and not way.is_round and way.may_not_leave
    for number in way.function.after(at):
        other = way.forked(number)
        if way.function.handlers.get(at) == number and number != at + 1:
            other.stack = []
        elif one.opname == "FOR_ITER" and number != at + 1:
            if entered:
                continue
            other.stack = [Operand(fresh=True)] if sys.version_info >= (3, 13) else []  # END_FOR, POP_TOP
        yield other


def _arrive(way: Way) -> None:
    """Judge what the second access does before it is done: it finds its place."""
    one = way.function.instructions[way.at]
    if one.opname == "STORE_ATTR":
        way.worsen(judged.set_attribute(way.pop(), str(one.argval)))
    elif one.opname in ("STORE_SUBSCR", "DELETE_SUBSCR", "BINARY_SUBSCR"):
        key, container = way.pop(), way.pop()
        found = judged.subscript(container, key)[0] if one.opname == "BINARY_SUBSCR" else None
        way.worsen(judged.set_subscript(container, key) if found is None else found)
    elif one.opname in ("LOAD_ATTR", "LOAD_METHOD"):
        way.worsen(judged.attribute(way.pop(), str(one.argval))[0])
    elif one.opname == "CONTAINS_OP":
        container, element = way.pop(), way.pop()
        way.worsen(judged.contains(element, container))
    elif not (one.opname.startswith(("STORE_", "LOAD_", "DELETE_")) or one.opname in CHECKS):
        way.worsen(Effect.UNCLEAR)
