"""Invariants: what the program says must hold at every scheduling point of an execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class InvariantViolated(AssertionError):
    """An invariant did not hold at some scheduling point."""


def register(check: Callable[[], Any]) -> None:
    """Have `check` called before each visible operation for the rest of this execution.

    Outside an execution it is called once, here.

    Raises:
        InvariantViolated: it returned False now already.
    """
    from unblink import _native

    def look() -> None:
        if check() is False:
            name = getattr(check, "__qualname__", repr(check))
            raise InvariantViolated(f"{name} does not hold")

    look()
    if _native.is_active():
        _native.add_invariant(look)
