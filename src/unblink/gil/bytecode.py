"""The program's functions as CPython compiles them without our hooks, as graphs of instructions."""

from __future__ import annotations

import dis
import linecache
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from unblink.ground.sources import Hook
from unblink.instrument.protocol import Flag
from unblink.model.site import Access, Place

CHECKS: Final = frozenset({
    "CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD", "RESUME", "YIELD_VALUE", "SEND",
    "POP_JUMP_BACKWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE", "POP_JUMP_BACKWARD_IF_NONE",
    "POP_JUMP_BACKWARD_IF_NOT_NONE",
})  # fmt: skip
_ENDS: Final = frozenset({
    "RETURN_VALUE", "RETURN_CONST", "RETURN_GENERATOR", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
})  # fmt: skip
_CANNOT_RAISE: Final = frozenset({
    "NOP", "COPY", "SWAP", "POP_TOP", "PUSH_NULL", "PUSH_EXC_INFO", "POP_EXCEPT", "LOAD_CONST", "LOAD_FAST",
    "LOAD_FAST_LOAD_FAST", "STORE_FAST", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST", "JUMP_FORWARD",
    "JUMP_BACKWARD_NO_INTERRUPT", "RETURN_VALUE", "RETURN_CONST", "CACHE", "PRECALL", "KW_NAMES", "EXTENDED_ARG",
})  # fmt: skip
_ITEM: Final = {
    Access.READ: ("BINARY_SUBSCR", "BINARY_SLICE", "CONTAINS_OP"),
    Access.WRITE: ("STORE_SUBSCR", "STORE_SLICE", "DELETE_SUBSCR"),
}
_PERFORMS: Final[Mapping[Place, Mapping[Access, tuple[str, ...]]]] = {
    Place.ATTRIBUTE: {Access.READ: ("LOAD_ATTR", "LOAD_METHOD"), Access.WRITE: ("STORE_ATTR", "DELETE_ATTR")},
    Place.ITEM: _ITEM,
    Place.CONTAINER: _ITEM,
    Place.VARIABLE: {
        Access.READ: ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"),
        Access.WRITE: ("STORE_GLOBAL", "STORE_NAME", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_NAME", "DELETE_DEREF"),
    },
}

Position = tuple[int, int, int]  # line, column, end column


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the program as CPython compiles it without us; `handlers` are of what may raise, by index."""

    instructions: tuple[dis.Instruction, ...]
    index: Mapping[int, int]
    handlers: Mapping[int, int]
    parameters: frozenset[str]

    def after(self, at: int) -> Iterator[int]:
        """Yield the indices of the instructions that may come after the one at index `at`, its handler's last."""
        instruction = self.instructions[at]
        if instruction.opname not in _ENDS:
            yield at + 1
        if jumps(instruction):
            yield self.index[instruction.argval]
        if at in self.handlers:
            yield self.handlers[at]

    def leads(self, starts: Set[int], ends: Set[int], avoiding: Set[int] = frozenset()) -> bool:
        """Whether some way leads from behind `starts` to `ends`."""
        seen: set[int] = set()
        waiting = [after for start in starts for after in self.after(start)]
        while waiting:
            at = waiting.pop()
            if at in ends:
                return True
            if at not in seen and at not in avoiding:
                seen.add(at)
                waiting.extend(self.after(at))
        return False

    def performing(self, hook: Hook) -> frozenset[int]:
        """Return the indices of the instructions that perform the access of `hook`; none if they cannot be told."""
        here = (hook.line, hook.column, hook.end_column)
        found = {n for n, one in enumerate(self.instructions) if position(one) == here}
        if hook.flags & Flag.METHOD:
            return frozenset(n for n in (self._call_of(one) for one in found) if n is not None)
        if hook.place == Place.CONTAINER and hook.name is not None:
            return frozenset(n for n in (self._use_of(one, hook.name) for one in found) if n is not None)
        names = _PERFORMS[Place(hook.place)].get(Access(hook.access), ())
        return frozenset(n for n in found if self.instructions[n].opname in names)

    def _use_of(self, container: int, name: str) -> int | None:
        """Return what is done with the container that is loaded at index `container`: a builtin's call, a truth."""
        wanted = ("FOR_ITER",) if name == "for" else ("TO_BOOL", "POP_JUMP") if name == "bool" else ("CALL",)
        if not name.isidentifier():
            return None
        following = self.instructions[container + 1 : container + 12]
        return next((n for n, one in enumerate(following, container + 1) if one.opname.startswith(wanted)), None)

    def _call_of(self, method: int) -> int | None:
        """Return the call of the method that is loaded at index `method`."""
        line, column, end = position(self.instructions[method])
        for number in range(method + 1, len(self.instructions)):
            one = self.instructions[number]
            starts, ends = position(one)[:2] == (line, column), position(one)[2] > end
            if one.opname.startswith("CALL") and (starts and ends):
                return number
        return None


def compiled(code: CodeType) -> Function | None:
    """Return what `code` would be without hooks, or None if its source is not to be had."""
    found = _functions(code.co_filename).get((code.co_qualname, code.co_firstlineno))
    return None if found is None else _function(found)


def jumps(instruction: dis.Instruction) -> bool:
    return instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs


def position(instruction: dis.Instruction) -> Position:
    """Return where an instruction stands as the sites of the instrumentation have it."""
    at = instruction.positions
    if at is None or at.lineno is None or at.col_offset is None or at.end_col_offset is None:
        return (0, 0, 0)
    return (at.lineno, at.col_offset, at.end_col_offset if at.end_lineno == at.lineno else at.col_offset)


@lru_cache(maxsize=64)
def _functions(filename: str) -> dict[tuple[str, int], CodeType]:
    """Return the functions of a file by name and first line."""
    try:
        waiting = [compile("".join(linecache.getlines(filename)), filename, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return {}
    found: dict[tuple[str, int], CodeType] = {}
    while waiting:
        code = waiting.pop()
        found[code.co_qualname, code.co_firstlineno] = code
        waiting.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return found


@lru_cache(maxsize=512)
def _function(code: CodeType) -> Function:
    instructions = tuple(dis.get_instructions(code))
    index = {one.offset: number for number, one in enumerate(instructions)}
    table: Any = dis.Bytecode(code)
    handlers: dict[int, int] = {}
    for entry in table.exception_entries:
        for number, one in enumerate(instructions):
            if entry.start <= one.offset < entry.end and one.opname not in _CANNOT_RAISE:
                handlers.setdefault(number, index[entry.target])
    count = code.co_argcount + code.co_kwonlyargcount + 2  # perhaps *args and **kwargs
    return Function(instructions, index, handlers, frozenset(code.co_varnames[:count]))


def is_boundary(one: dis.Instruction) -> bool:
    """Whether a statement may end with this instruction."""
    return jumps(one) or one.opname in _ENDS or one.opname.startswith("STORE_")
