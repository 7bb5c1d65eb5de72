"""What an instruction does with its operands: whether it may start code of the program's own.

An operator, an attribute or a subscript is one instruction, and CPython with its GIL cannot switch inside of it,
unless it calls a method that is written in Python: every Python function begins with a check for a switch. So the
types decide. An operand is known by its value, or known to be a plain scalar, or not known; what is not known, and
every type that is neither a builtin nor written in Python, makes the answer UNCLEAR, never INERT.

Nothing here runs code of the program.
"""

from __future__ import annotations

import enum
import sys
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Final

_SCALARS: Final = (int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented), range)
_SEQUENCES: Final = (list, tuple)
_KEYED: Final = (dict, OrderedDict, defaultdict, set, frozenset)
_IN_C: Final = (WrapperDescriptorType, MethodDescriptorType, BuiltinFunctionType, type(None))
_MOST_SCANNED: Final = 1000
_ABSENT: Final = object()
_METHODS: Final = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
_COMPARED: Final = {"<": "lt", "<=": "le", "==": "eq", "!=": "ne", ">": "gt", ">=": "ge"}


class Effect(enum.IntEnum):
    """Whether the GIL can be given away; the worst counts where several come together."""

    INERT = 0
    UNCLEAR = 1
    SWITCHES = 2


ALLOCATES: Final = Effect.UNCLEAR if sys.version_info < (3, 12) else Effect.INERT
"""A new container may start a garbage collection at once in 3.11, and that a finaliser; later only a check does."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A value on the stack, as far as it is known.

    `fresh` says that its loss ends nothing but itself: the expression made it, or it is a constant. `made` is the type
    of a container that the expression made.
    """

    value: object = _ABSENT
    scalar: bool = False
    fresh: bool = False
    made: type | None = None

    @property
    def is_known(self) -> bool:
        """Whether the value itself is known."""
        return self.value is not _ABSENT


UNKNOWN: Final = Operand()
SCALAR: Final = Operand(scalar=True)


def known(value: object, *, fresh: bool = False) -> Operand:
    """Return the operand that is `value`."""
    return Operand(value, type(value) in _SCALARS, fresh)


def binary(left: Operand, right: Operand, symbol: str) -> tuple[Effect, Operand]:
    """Judge `left symbol right`; a symbol that ends with `=` is an augmented assignment's."""
    if left.scalar and right.scalar:
        return Effect.INERT, SCALAR
    name = _METHODS.get(symbol.rstrip("="), symbol)
    called = [(left, f"__{name}__")]
    if symbol.endswith("="):
        called.append((left, f"__i{name}__"))
    if left.scalar:
        called.append((right, f"__r{name}__"))
    if any(_is_python(operand, method) for operand, method in called):
        return Effect.SWITCHES, UNKNOWN
    kinds = (_kind(left), _kind(right))
    joined = symbol.rstrip("=") == "+" and kinds in ((list, list), (tuple, tuple))
    repeated = symbol.rstrip("=") == "*" and kinds[0] in _SEQUENCES and right.scalar
    if joined or repeated or (symbol == "+=" and kinds[0] is list and kinds[1] in _SEQUENCES):
        return ALLOCATES, Operand(fresh=True, made=kinds[0])
    return Effect.UNCLEAR, UNKNOWN


def compare(left: Operand, right: Operand, symbol: str) -> tuple[Effect, Operand]:
    """Judge `left symbol right` of a comparison."""
    if left.scalar and right.scalar:
        return Effect.INERT, SCALAR
    name = _COMPARED.get(symbol)
    reflected = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}.get(name or "", name)
    if _is_python(left, f"__{name}__") or (left.scalar and _is_python(right, f"__{reflected}__")):
        return Effect.SWITCHES, UNKNOWN
    return (Effect.INERT, SCALAR) if _plain_parts(left) and _plain_parts(right) else (Effect.UNCLEAR, UNKNOWN)


def unary(operand: Operand, method: str) -> tuple[Effect, Operand]:
    """Judge an operator with one operand."""
    if operand.scalar:
        return Effect.INERT, SCALAR
    return (Effect.SWITCHES if _is_python(operand, method) else Effect.UNCLEAR), UNKNOWN


def truth(operand: Operand) -> Effect:
    """Judge the question whether `operand` is true."""
    if operand.scalar or _kind(operand) in (*_SEQUENCES, *_KEYED):
        return Effect.INERT
    if not operand.is_known:
        return Effect.UNCLEAR
    found = _of_type(operand, "__bool__")
    found = _of_type(operand, "__len__") if found is None else found
    return Effect.SWITCHES if isinstance(found, FunctionType) else Effect.UNCLEAR if found else Effect.INERT


def formatted(operand: Operand, methods: tuple[str, ...] = ("__format__", "__str__", "__repr__")) -> Effect:
    """Judge the conversion of `operand` to a text."""
    if operand.scalar:
        return Effect.INERT
    return Effect.SWITCHES if _is_python(operand, methods[0]) else Effect.UNCLEAR


def contains(element: Operand, container: Operand) -> Effect:
    """Judge `element in container`."""
    if element.scalar and (container.scalar or _plain_parts(container)):
        return Effect.INERT
    if _is_python(container, "__contains__"):
        return Effect.SWITCHES
    return _hashed(element) if _kind(container) in _KEYED else Effect.UNCLEAR


def subscript(container: Operand, key: Operand) -> tuple[Effect, Operand]:
    """Judge `container[key]`."""
    effect = _item(container, key, "__getitem__")
    if effect is Effect.INERT and container.is_known and key.is_known:
        return effect, _element(container.value, key.value)
    if effect is Effect.INERT and container.scalar:
        return effect, SCALAR
    return effect, UNKNOWN


def set_subscript(container: Operand, key: Operand) -> Effect:
    """Judge `container[key] = …`."""
    return _item(container, key, "__setitem__")


def attribute(owner: Operand, name: str) -> tuple[Effect, Operand]:
    """Judge `owner.name`."""
    if owner.scalar:
        return Effect.INERT, UNKNOWN
    if not owner.is_known:
        return Effect.UNCLEAR, UNKNOWN
    kind = type(owner.value)
    if isinstance(owner.value, type):
        return _class_attribute(owner.value, name)
    if kind.__getattribute__ not in (object.__getattribute__, ModuleType.__getattribute__):
        return _descriptor_effect(kind.__getattribute__), UNKNOWN
    given = _lookup(kind, name)
    own = _own(owner.value).get(name, _ABSENT)
    if isinstance(given, property):
        return _descriptor_effect(given.fget), UNKNOWN
    if isinstance(given, MemberDescriptorType):
        return Effect.INERT, _slot(owner.value, given)
    if given is not _ABSENT and _lookup(type(given), "__set__") is not _ABSENT:
        return _described(given, "__get__"), UNKNOWN
    if own is not _ABSENT:
        return Effect.INERT, known(own)
    if given is _ABSENT:
        return _descriptor_effect(_lookup(kind, "__getattr__")), UNKNOWN
    return _class_value(given)


def set_attribute(owner: Operand, name: str) -> Effect:
    """Judge `owner.name = …`."""
    if not owner.is_known:
        return Effect.UNCLEAR
    kind = type(owner.value)
    setter: Any = kind.__setattr__
    if isinstance(owner.value, type):
        return Effect.INERT if kind is type else _descriptor_effect(setter)
    if setter not in (object.__setattr__, ModuleType.__setattr__):
        return _descriptor_effect(setter)
    given = _lookup(kind, name)
    if isinstance(given, property):
        return _descriptor_effect(given.fset)
    if given is _ABSENT or isinstance(given, MemberDescriptorType):
        return Effect.INERT
    return Effect.INERT if _lookup(type(given), "__set__") is _ABSENT else _described(given, "__set__")


def dropped(operand: Operand) -> Effect:
    """Judge the loss of one reference: the last one may start a finaliser."""
    return Effect.INERT if operand.scalar or operand.fresh else Effect.UNCLEAR


def overwritten(owner: object, key: object) -> Effect:
    """Judge the loss of what a write to `owner` at `key`, an attribute or an item, is about to replace."""
    if type(owner) in (dict, OrderedDict, defaultdict) and _is_plain_key(key):
        assert isinstance(owner, dict)
        return dropped(known(dict.get(owner, key)))
    if type(owner) is list and type(key) is int:
        return dropped(known(owner[key])) if -len(owner) <= key < len(owner) else Effect.INERT
    if isinstance(key, str) and not isinstance(owner, str | dict | list):
        return dropped(attribute(Operand(owner), key)[1]) if key in _own(owner) else Effect.UNCLEAR
    return Effect.UNCLEAR


def is_heavy(value: object) -> bool:
    """Whether the loss of `value` may start a finaliser."""
    return type(value) not in _SCALARS


def is_class(operand: Operand) -> bool:
    """Whether the operand is a class."""
    return isinstance(operand.value, type)


def enters_python(operand: Operand) -> bool:
    """Whether `with operand:` calls a function written in Python."""
    return _is_python(operand, "__enter__")


def iterated(operand: Operand) -> Effect:
    """Judge `iter(operand)`."""
    if operand.scalar or _kind(operand) in (*_SEQUENCES, *_KEYED):
        return Effect.INERT
    return Effect.SWITCHES if _is_python(operand, "__iter__") else Effect.UNCLEAR


def any_element(container: Operand) -> Operand:
    """Return what is known of whatever a loop takes from `container`."""
    return SCALAR if _plain_parts(container) and not _has_tuples(container) else UNKNOWN


def _has_tuples(container: Operand) -> bool:
    value = container.value
    return isinstance(value, list | tuple | set | frozenset | dict) and any(type(part) is tuple for part in list(value))


def _kind(operand: Operand) -> type | None:
    return type(operand.value) if operand.is_known else operand.made


def _lookup(kind: type, name: str) -> Any:
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), _ABSENT)


def _of_type(operand: Operand, name: str) -> Any:
    found = _lookup(type(operand.value), name) if operand.is_known else None
    return None if found is _ABSENT else found


def _is_python(operand: Operand, method: str) -> bool:
    return isinstance(_of_type(operand, method), FunctionType)


def _own(owner: object) -> dict[str, object]:
    try:
        found = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _slot(owner: object, slot: MemberDescriptorType) -> Operand:
    try:
        return known(slot.__get__(owner, type(owner)))
    except AttributeError:
        return UNKNOWN


def _class_attribute(owner: type, name: str) -> tuple[Effect, Operand]:
    if type(owner) is not type or _lookup(type, name) is not _ABSENT:
        return Effect.UNCLEAR, UNKNOWN
    given = _lookup(owner, name)
    return (Effect.UNCLEAR, UNKNOWN) if given is _ABSENT else _class_value(given)


def _class_value(given: object) -> tuple[Effect, Operand]:
    """Judge an attribute that the class gives."""
    if isinstance(given, (FunctionType, staticmethod, classmethod, GetSetDescriptorType, *_IN_C)):
        return Effect.INERT, (known(None) if given is None else UNKNOWN)
    if _lookup(type(given), "__get__") is _ABSENT:
        return Effect.INERT, known(given)
    return _described(given, "__get__"), UNKNOWN


def _described(descriptor: object, method: str) -> Effect:
    return _descriptor_effect(_lookup(type(descriptor), method))


def _descriptor_effect(function: object) -> Effect:
    return Effect.SWITCHES if isinstance(function, FunctionType) else Effect.UNCLEAR


def _is_plain_key(key: object, depth: int = 0) -> bool:
    return type(key) in _SCALARS or (type(key) is tuple and depth < 3 and all(_is_plain_key(k, depth + 1) for k in key))


def _hashed(key: Operand) -> Effect:
    """Judge what finding `key` needs: its hash, if nothing else."""
    if key.scalar or (key.is_known and _is_plain_key(key.value)):
        return Effect.INERT
    return Effect.SWITCHES if _is_python(key, "__hash__") else Effect.UNCLEAR


def _plain_parts(operand: Operand) -> bool:
    """Whether comparing with what is in `operand` runs nothing of the program."""
    value = operand.value
    if not isinstance(value, list | tuple | set | frozenset | dict) or type(value) not in (*_SEQUENCES, *_KEYED):
        return operand.scalar
    return len(value) <= _MOST_SCANNED and all(_is_plain_key(part) for part in list(value))


def _item(container: Operand, key: Operand, method: str) -> Effect:
    if _is_python(container, method):
        return Effect.SWITCHES
    kind = _kind(container)
    if container.scalar or kind in _SEQUENCES:
        return Effect.INERT if key.scalar else unary(key, "__index__")[0]
    if kind in (dict, OrderedDict, defaultdict) or _is_python_dict(kind):
        found = _hashed(key)
        if found is not Effect.INERT:
            return found
        assert isinstance(container.value, dict)
        keys = list(dict.keys(container.value))
        if len(keys) > _MOST_SCANNED or not all(map(_is_plain_key, keys)):
            return Effect.UNCLEAR
        return _missing(container, key) if method == "__getitem__" else Effect.INERT
    return Effect.UNCLEAR


def _is_python_dict(kind: type | None) -> bool:
    """Whether `kind` is a dict's subclass of which lookups are the dict's own."""
    if kind is None or not issubclass(kind, dict):
        return False
    return all(_lookup(kind, name) is vars(dict)[name] for name in ("__getitem__", "__setitem__"))


def _missing(container: Operand, key: Operand) -> Effect:
    """Judge the read of a key that may be absent: then `__missing__` or a factory is called."""
    kind, value = type(container.value), container.value
    missing = _lookup(kind, "__missing__")
    if missing is _ABSENT:
        return Effect.INERT
    assert isinstance(value, dict)
    factory = getattr(value, "default_factory", None) if kind is defaultdict else missing
    if factory in (int, float, str, bool, None):
        return Effect.INERT
    absent = key.is_known and not dict.__contains__(value, key.value)
    return Effect.SWITCHES if absent and isinstance(factory, FunctionType) else Effect.UNCLEAR


def _element(container: Any, key: Any) -> Operand:
    try:
        if isinstance(container, dict):
            return known(dict.__getitem__(container, key)) if dict.__contains__(container, key) else UNKNOWN
        return known(container[key]) if type(container) in (*_SEQUENCES, *_SCALARS) else UNKNOWN
    except (LookupError, TypeError):
        return UNKNOWN
