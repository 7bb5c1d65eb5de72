"""What instrumented code calls, and what the native side must do: the whole agreement.

Instrumented source calls ten hooks. They are found as builtins, so that no module's namespace gains a
name; they end with two underscores, so that no class mangles them (their docstrings should begin with a
text signature, so that `inspect.signature` answers for them as for every builtin). Every call is
positional. **Every hook hands its first argument through** (`g` returns `None`), never raises of its own
accord, and costs nothing but the call while no execution is active on the calling OS thread. `S` is a
small `int`: the number of the site, given out by `Registry.register_sites`. *Point* below means: the
visible operation of site S on the given location is the very next thing that the calling task does, so
switch here if the scheduler wishes, then record the access.

Hooks
-----
====  ==============================  ===================================================================
 r    r(obj, S)                       S is ATTRIBUTE READ. Point on (obj, site.name).
                                      `obj.x` -> `r(obj, S).x`
 w    w(obj, S)                       S is ATTRIBUTE WRITE; the flag DELETES tells `del obj.x`.
                                      Point on (obj, site.name). `obj.x = v` -> `w(obj, S).x = v`
 k    k(key, S, container)            S is ITEM, any access. Point on (container, key). Returns `key`.
                                      `d[f()]` -> `d[k(f(), S, d)]`
 m    m(container, S)                 S is CONTAINER (or ITEM of which the key is not known; then treat it
      m(container, S, key)            as the container as a whole). Point on container, or (container, key).
                                      `xs.append(1)` -> `m(xs, S).append(1)`; `k in d` -> `k in m(d, S, k)`;
                                      `self.d[k] = v` -> `m(r(self, S0).d, S, k)[k] = v`
 a    a(value, S, obj)                Any place but VARIABLE. All operands are evaluated; `value` was the
      a(value, S, obj, key)           last. Point on (obj, site.name), (obj, key) or obj, by the place of S.
                                      Returns `value`.
                                      `xs.append(f())` -> `xs.append(a(f(), S, xs))`;
                                      `obj.n += v` -> `r(obj, S1).n += a(v, S2, obj)`
 p    p(obj, S)                       No point. Push the entry (S, frame, obj[, key]) on the task's stack of
      p(obj, S, key)                  pending operations. Returns `obj`.
 q    q(value, S)                     Take the pending entry of S (rule below). Point on its location: with
                                      the entry's key if it has one; else, if S is ITEM, with `value` as the
                                      key; else on obj as a whole (CONTAINER) or (obj, site.name)
                                      (ATTRIBUTE). Returns `value`. Without an entry: just return `value`.
                                      `self.d[f()] = v` -> `p(r(self, S0).d, S)[q(f(), S)] = v`;
                                      `self.xs.append(f())` -> `p(r(self, S0).xs, S).append(q(f(), S))`
 g    g(S)                            S is VARIABLE READ. Point on the variable. Returns `None`.
      g(S, cell)                      `x` -> `(g(S) or x)`
 s    s(value, S)                     S is VARIABLE WRITE. Point on the variable. Returns `value`.
      s(value, S, cell)               `x = v` -> `x = s(v, S)`; `x += v` -> `g(S1)`, then `x += s(v, S2)`
 i    i(iterable, S)                  S is CONTAINER READ, for each step. Return the iterable itself, or an
                                      iterator over it that makes a point of S before each step (also before
                                      the step that finds the end). Only ever used where the iterator cannot
                                      be seen by the program. If the operand is not a container that native
                                      knows: return it as it is.
====  ==============================  ===================================================================

Locations
---------
ATTRIBUTE   (object, site.name). `site.name` is mangled already (`_C__x`).
ITEM        (container, key). The receiver's type is unknown when a module is compiled, so **native looks at
            the exact type**: dict, defaultdict, OrderedDict, Counter, set, frozenset have keyed items;
            list, bytearray, deque have items by index (normalise a negative index); for `in` and for a
            method that is not keyed on this type (`xs.pop(0)`, `xs.remove(v)`, `v in xs` of a list), the
            location is the container as a whole. Anything else: see METHOD. A write which adds or removes a
            key is a write of the CONTAINER also. A view (`d.items()`) stands for its dict.
CONTAINER   the container as a whole: length, order, set of keys. It conflicts with the items of a list
            only if one of both writes; native decides what overlaps.
VARIABLE    without `cell`: (filename of the registration, site.name), a module's global. With `cell` (the
            flag CLOSURE says so): a function that is never called and whose `__closure__` has exactly one
            cell: the address of that cell, `PyTuple_GET_ITEM(PyFunction_GET_CLOSURE(cell), 0)`, is the
            location. So each call of the enclosing function has variables of its own.

Methods: `methods.EFFECTS` says for each type and method which place and access it has there. A site with
the flag METHOD carries the most that any type does; native refines it by `(exact type, site.name)`. Where
the receiver is of none of these types, the site is an ATTRIBUTE READ of (receiver, site.name). ITEM and
CONTAINER sites *without* the flag METHOD are nothing at all on a receiver that is of none of these types.
What they are is in site.name: `None` (a subscript or a slice), `in`, `for`, `*`, `**`, `bool` (flag TRUTH),
or the builtin function (`len`, `sorted`, …).

Pairs: read, point, write of one location
-----------------------------------------
An augmented assignment is two sites, S1 (READ) and S2 = S1 + 1 (WRITE, flag CLOSES_PAIR) of one location.
Where the location is cheap to name again, S2 is an `a` and native keeps nothing. Otherwise S1 carries
OPENS_PAIR: **whichever hook performs S1 (r, k, m or q) then pushes the entry (S1 + 1, frame, obj[, key])**,
as `p` would, and `q(value, S2)` takes it.

    obj.n += v              r(obj, S1).n += a(v, S2, obj)
    d[k] += v               d[k(k, S1, d)] += a(v, S2, d, k)
    d[f()] += v             d[k(f(), S1*, d)] += q(v, S2)                (* has OPENS_PAIR)
    a.b.n += v              r(r(a, S0).b, S1*).n += q(v, S2)
    self.d[k] += v          m(r(self, S0).d, S1*, k)[k] += q(v, S2)
    self.d[f()] += v        p(r(self, S0).d, S1*)[q(f(), S1*)] += q(v, S2)
    self.xs[1:2] += v       m(r(self, S0).xs, S1*)[1:2] += q(v, S2)      (CONTAINER)

The stack of pending operations
-------------------------------
One for each task (an asyncio task is one too). An entry holds a strong reference to obj and key, the site,
and the identity of the calling frame (the address in `tstate->cframe->current_frame`, from 3.13
`tstate->current_frame`; nothing is read through it). `q` searches from the top for the same site *and*
frame, removes that entry, and every entry above it whose site lacks SUSPENDS: those were left by an
exception. A site has SUSPENDS if an `await` or a `yield` stands between the push and its `q`; such entries
of other frames must survive. All are dropped when the task ends, and with the execution.
"""

from __future__ import annotations

import builtins
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeAlias

READ: Final = "__unblink_r__"
WRITE: Final = "__unblink_w__"
KEY: Final = "__unblink_k__"
METHOD: Final = "__unblink_m__"
ARGUMENT: Final = "__unblink_a__"
PUSH: Final = "__unblink_p__"
PERFORM: Final = "__unblink_q__"
GET: Final = "__unblink_g__"
SET: Final = "__unblink_s__"
ITERATE: Final = "__unblink_i__"

HOOKS: Final = (READ, WRITE, KEY, METHOD, ARGUMENT, PUSH, PERFORM, GET, SET, ITERATE)

CELL_MARK: Final = "__unblink_cell__"
"""The only parameter of the functions that are passed as `cell`; this is how compiled code is told apart."""


class Flag(enum.IntFlag):
    """What a site says beside its place and access; the module's docstring gives the meaning."""

    NONE = 0
    OPENS_PAIR = 1  # performing this site pushes an entry for the next one
    CLOSES_PAIR = 2  # the write of an augmented assignment; its read is the site before
    METHOD = 4  # `name` is a method's; on a receiver of no known type this is an attribute read
    DELETES = 8  # `del`: the location ceases to exist
    SUSPENDS = 16  # an await or a yield stands between push and perform
    CLOSURE = 32  # a VARIABLE that is found by its cell
    VALUE_UNKNOWN = 64  # the value handed through is not what the variable will hold
    TRUTH = 256  # CONTAINER READ by `if x:`, `not x`: only whether it is empty


SiteTuple: TypeAlias = tuple[int, int, str | None, int, int, int, str, int]
"""`(place, access, name, line, column, end_column, function, flags)`: a `model.site.Site` and its flags,
as plain values, so that they can be marshalled into the cache."""


class Registry(Protocol):
    """Who gives out site numbers. Native is one; tests have their own."""

    def register_sites(self, filename: str, sites: Sequence[SiteTuple]) -> int:
        """Take the sites of one compiled file and return the number of the first; the rest follow it."""


Hook: TypeAlias = Callable[..., Any]


@contextmanager
def installed_hooks(hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Put `hooks` (name to callable, for every name in `HOOKS`) among the builtins; restore on leaving.

    Code that was instrumented needs the names for as long as it may run: leave only when it is gone.
    """
    before = install_hooks(hooks)
    try:
        yield
    finally:
        uninstall_hooks(before)


def install_hooks(hooks: Mapping[str, Hook]) -> dict[str, Hook | None]:
    """Put `hooks` among the builtins; return what was there (`None` for nothing), for `uninstall_hooks`.

    Raises:
        ValueError: a hook is missing, or a name is not a hook's.
    """
    if set(hooks) != set(HOOKS):
        raise ValueError(f"hooks differ from the protocol's: {sorted(set(hooks) ^ set(HOOKS))}")
    namespace = vars(builtins)
    before: dict[str, Hook | None] = {name: namespace.get(name) for name in HOOKS}
    namespace.update(hooks)
    return before


def uninstall_hooks(before: Mapping[str, Hook | None]) -> None:
    """Put back what `install_hooks` returned."""
    namespace = vars(builtins)
    for name, hook in before.items():
        if hook is None:
            namespace.pop(name, None)
        else:
            namespace[name] = hook
