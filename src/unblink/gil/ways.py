"""What each instruction does to a way: to the stack, to the variables, and whether a switch may come with it.

The stack is that of CPython's evaluation, as far as it is known. An instruction that is not here is UNCLEAR.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FrameType, FunctionType
from typing import Final

from unblink.gil import operands as judged
from unblink.gil.bytecode import CHECKS, Function
from unblink.gil.operands import SCALAR, UNKNOWN, Effect, Operand, known

_SUSPENDABLE: Final = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


@dataclass(slots=True)
class Way:
    """One way through a function as far as it has been followed. The stack has no bottom: below is the unknown.

    A variable holds what the way has stored there, or else what it holds in `frame` by now. `heavy` are the local
    variables which held, where the way began, what may have a finaliser.
    """

    function: Function
    frame: FrameType
    heavy: Collection[str]
    at: int
    effect: Effect = Effect.INERT
    stack: list[Operand] = field(default_factory=list)
    stored: dict[str, Operand] = field(default_factory=dict)
    seen: frozenset[tuple[int, Effect]] = frozenset()

    def pop(self) -> Operand:
        """Take the top of the stack."""
        return self.stack.pop() if self.stack else UNKNOWN

    def push(self, *made: Operand) -> None:
        """Put operands on the stack."""
        self.stack.extend(made)

    def deepen(self, depth: int) -> None:
        """See to it that the stack has so many entries."""
        self.stack[:0] = [UNKNOWN] * (depth - len(self.stack))

    def worsen(self, effect: Effect) -> None:
        """Add the effect of an instruction."""
        self.effect = max(self.effect, effect)

    def made(self, judgement: tuple[Effect, Operand]) -> None:
        """Add the effect of an instruction and push what it has made."""
        self.worsen(judgement[0])
        self.push(judgement[1])

    def forked(self, at: int) -> Way:
        """Return another way that goes on from the index `at`."""
        return replace(self, at=at, stack=list(self.stack), stored=dict(self.stored))

    @property
    def is_round(self) -> bool:
        """Whether it has come to where it was before, with an effect that it did not have then: a loop's check."""
        return any(at == self.at and effect < self.effect for at, effect in self.seen)

    @property
    def may_not_leave(self) -> bool:
        """Whether the iterator below the element that was just taken is known to have at least this one."""
        container = self.stack[-2].value if len(self.stack) > 1 else None
        return isinstance(container, list | tuple | dict | set | frozenset | str) and len(container) > 0

    def _makes_generator(self, one: dis.Instruction) -> bool:
        """Whether a call only makes a generator or a coroutine: its code returns it before it comes to a check."""
        if one.opname != "CALL":
            return False
        count = one.arg or 0
        called = [operand.value for operand in self.stack[-count - 2 : len(self.stack) - count]]
        codes = [value.__code__ if isinstance(value, FunctionType) else value for value in called]
        return any(isinstance(code, CodeType) and code.co_flags & _SUSPENDABLE for code in codes)

    def value(self, name: str) -> Operand:
        """Return what a variable holds."""
        if name in self.stored:
            return self.stored[name]
        namespaces: tuple[Mapping[str, object], ...] = (
            self.frame.f_locals, self.frame.f_globals, self.frame.f_builtins
        )  # fmt: skip
        return next((known(names[name]) for names in namespaces if name in names), UNKNOWN)

    def perform(self, one: dis.Instruction) -> None:
        """Do what an instruction does."""
        rule = _RULES.get(one.opname)
        if one.opname in CHECKS or rule is None:
            checks = one.opname in CHECKS and not self._makes_generator(one)
            self.worsen(Effect.SWITCHES if checks else Effect.UNCLEAR)
            self.stack.clear()
        else:
            rule(self, one)


def _load(way: Way, one: dis.Instruction) -> None:
    if one.opname == "LOAD_GLOBAL" and one.arg is not None and one.arg & 1:
        way.push(UNKNOWN)
    names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
    way.push(*(way.value(str(name)) for name in names))


def _store(way: Way, one: dis.Instruction) -> None:
    names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
    stored = names[:1] if one.opname == "STORE_FAST_LOAD_FAST" else names
    for name in stored:
        way.worsen(_lost(way, str(name), one))
        way.stored[str(name)] = way.pop()
    if one.opname == "STORE_FAST_LOAD_FAST":
        way.push(way.value(str(names[1])))


def _lost(way: Way, name: str, one: dis.Instruction) -> Effect:
    """Judge the loss of what a variable held. What the frame has by now may be what this very way has put there."""
    if name in way.stored:
        return judged.dropped(way.stored[name])
    is_light = one.opname.startswith(("STORE_FAST", "STORE_DEREF")) and name not in way.heavy
    return Effect.INERT if is_light else Effect.UNCLEAR


def _leave(way: Way, one: dis.Instruction) -> None:
    """Do nothing."""


def _copy(way: Way, one: dis.Instruction) -> None:
    way.deepen(one.arg or 1)
    way.push(way.stack[-(one.arg or 1)])


def _swap(way: Way, one: dis.Instruction) -> None:
    depth = one.arg or 2
    way.deepen(depth)
    way.stack[-1], way.stack[-depth] = way.stack[-depth], way.stack[-1]


def _drop(way: Way, one: dis.Instruction) -> None:
    way.worsen(judged.dropped(way.pop()))


def _constant(way: Way, one: dis.Instruction) -> None:
    way.push(known(one.argval, fresh=True))


def _unknown(way: Way, one: dis.Instruction) -> None:
    way.push(UNKNOWN)


def _binary(way: Way, one: dis.Instruction) -> None:
    right, left = way.pop(), way.pop()
    way.made(judged.binary(left, right, one.argrepr))


def _compare(way: Way, one: dis.Instruction) -> None:
    right, left = way.pop(), way.pop()
    way.made(judged.compare(left, right, one.argrepr.removeprefix("bool(").removesuffix(")")))


def _identity(way: Way, one: dis.Instruction) -> None:
    way.pop()
    way.pop()
    way.push(SCALAR)


def _contains(way: Way, one: dis.Instruction) -> None:
    container, element = way.pop(), way.pop()
    way.made((judged.contains(element, container), SCALAR))


def _unary(way: Way, one: dis.Instruction) -> None:
    way.made(judged.unary(way.pop(), "__neg__" if one.opname == "UNARY_NEGATIVE" else "__invert__"))


def _truth(way: Way, one: dis.Instruction) -> None:
    """Ask whether the top is true; a jump takes it away, an operator leaves the answer."""
    way.worsen(judged.truth(way.pop()))
    if one.opname in ("TO_BOOL", "UNARY_NOT"):
        way.push(SCALAR)


def _is_none(way: Way, one: dis.Instruction) -> None:
    way.pop()


def _text(way: Way, one: dis.Instruction) -> None:
    if one.opname == "FORMAT_WITH_SPEC" or (one.opname == "FORMAT_VALUE" and (one.arg or 0) & 4):
        way.pop()
    way.made((judged.formatted(way.pop()), SCALAR))


def _converted(way: Way, one: dis.Instruction) -> None:
    way.made((judged.formatted(way.pop(), ("__repr__",) if one.arg != 1 else ("__str__",)), SCALAR))


def _joined(way: Way, one: dis.Instruction) -> None:
    for _ in range(one.arg or 0):
        way.pop()
    way.push(SCALAR)


def _attribute(way: Way, one: dis.Instruction) -> None:
    effect, value = judged.attribute(way.pop(), str(one.argval))
    if one.opname == "LOAD_METHOD" or (sys.version_info >= (3, 12) and one.arg is not None and one.arg & 1):
        way.push(UNKNOWN)
    way.made((effect, value))


def _set_attribute(way: Way, one: dis.Instruction) -> None:
    """What was there before is not known any more: it may have had a finaliser."""
    way.pop()
    way.pop()
    way.worsen(Effect.UNCLEAR)


def _subscript(way: Way, one: dis.Instruction) -> None:
    key, container = way.pop(), way.pop()
    way.made(judged.subscript(container, key))


def _set_subscript(way: Way, one: dis.Instruction) -> None:
    way.pop()
    _set_attribute(way, one)


def _append(way: Way, one: dis.Instruction) -> None:
    way.pop()


def _sequence(way: Way, one: dis.Instruction) -> None:
    for _ in range(one.arg or 0):
        way.pop()
    way.worsen(judged.ALLOCATES)
    way.push(Operand(fresh=True, made=list if one.opname == "BUILD_LIST" else tuple))


def _unpack(way: Way, one: dis.Instruction) -> None:
    way.worsen(judged.iterated(way.pop()))
    way.push(*[UNKNOWN] * (one.arg or 0))


def _iterator(way: Way, one: dis.Instruction) -> None:
    container = way.pop()
    way.worsen(judged.iterated(container))
    way.push(replace(container, scalar=False, fresh=True))


def _element(way: Way, one: dis.Instruction) -> None:
    """Take an element; how the way out of the loop leaves the stack is said where the ways part."""
    container = way.stack[-1] if way.stack else UNKNOWN
    way.worsen(judged.iterated(container))
    way.push(judged.any_element(container))


def _function(way: Way, one: dis.Instruction) -> None:
    """Push the code for the function."""
    code = way.pop()
    for _ in range((one.arg or 0).bit_count()):  # its closure and defaults; 3.13 adds them afterwards
        way.pop()
    way.worsen(judged.ALLOCATES)
    way.push(replace(code, fresh=True))


def _function_attribute(way: Way, one: dis.Instruction) -> None:
    function = way.pop()
    way.pop()
    way.push(function)


def _block(way: Way, one: dis.Instruction) -> None:
    way.worsen(Effect.SWITCHES if judged.enters_python(way.pop()) else Effect.UNCLEAR)
    way.push(UNKNOWN, UNKNOWN)


def _matched(way: Way, one: dis.Instruction) -> None:
    way.worsen(Effect.INERT if judged.is_class(way.pop()) else Effect.UNCLEAR)
    way.push(SCALAR)


def _caught(way: Way, one: dis.Instruction) -> None:
    """What an instruction of this very function has raised keeps nothing alive that it does not keep itself."""
    way.push(UNKNOWN, Operand(fresh=True))


_Rule = Callable[[Way, dis.Instruction], None]
_RULES: Final[dict[str, _Rule]] = {
    name: rule
    for names, rule in (
        ("NOP CACHE EXTENDED_ARG PRECALL KW_NAMES JUMP_FORWARD END_FOR POP_EXCEPT RETURN_VALUE RETURN_CONST "
         "RAISE_VARARGS RERAISE", _leave),
        ("LOAD_FAST LOAD_FAST_CHECK LOAD_FAST_LOAD_FAST LOAD_GLOBAL LOAD_NAME LOAD_DEREF", _load),
        ("STORE_FAST STORE_FAST_STORE_FAST STORE_FAST_LOAD_FAST STORE_GLOBAL STORE_NAME STORE_DEREF", _store),
        ("COPY", _copy),
        ("SWAP", _swap),
        ("POP_TOP", _drop),
        ("PUSH_NULL LOAD_FAST_AND_CLEAR", _unknown),
        ("LOAD_CONST", _constant),
        ("BINARY_OP", _binary),
        ("COMPARE_OP", _compare),
        ("IS_OP", _identity),
        ("CONTAINS_OP", _contains),
        ("UNARY_NEGATIVE UNARY_INVERT", _unary),
        ("TO_BOOL UNARY_NOT POP_JUMP_IF_TRUE POP_JUMP_IF_FALSE POP_JUMP_FORWARD_IF_TRUE POP_JUMP_FORWARD_IF_FALSE",
         _truth),
        ("POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE", _is_none),
        ("FORMAT_VALUE FORMAT_SIMPLE FORMAT_WITH_SPEC", _text),
        ("CONVERT_VALUE", _converted),
        ("BUILD_STRING", _joined),
        ("LOAD_ATTR LOAD_METHOD", _attribute),
        ("STORE_ATTR", _set_attribute),
        ("BINARY_SUBSCR", _subscript),
        ("STORE_SUBSCR", _set_subscript),
        ("BUILD_TUPLE BUILD_LIST", _sequence),
        ("LIST_APPEND", _append),
        ("UNPACK_SEQUENCE", _unpack),
        ("GET_ITER", _iterator),
        ("FOR_ITER", _element),
        ("MAKE_FUNCTION", _function),
        ("SET_FUNCTION_ATTRIBUTE", _function_attribute),
        ("BEFORE_WITH", _block),
        ("CHECK_EXC_MATCH", _matched),
        ("PUSH_EXC_INFO", _caught),
    )
    for name in names.split()
}  # fmt: skip
