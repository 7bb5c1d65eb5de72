"""What is explored: a body, and how its one official execution is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any


def nothing() -> Any:
    """Harvest nothing."""
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """`run` is the body, run afresh for each execution. `official` is the same with whatever a test runner adds
    (its hooks and reports): the first execution is one, and so is the one that shows a failure. `harvest` returns
    what the last official execution left to report; it must be picklable, for that may be in another process.

    `name` says what is run, for witnesses; `ignored` are exceptions of the body that are no failures. `code` is that of
    the test's own function, if it is a coroutine's that something else runs.
    """

    run: Callable[[], Any]
    name: str
    official: Callable[[], Any] | None = None
    harvest: Callable[[], Any] = nothing
    ignored: tuple[type[BaseException], ...] = ()
    code: CodeType | None = None
