"""The oracles: what of an execution's outcome is a failure."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from unblink.model.finding import Kind


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in one execution; two executions fail alike if their `signature`s are equal.

    `exception_type` is the qualified name of the type, `exception` the object where it is still at hand.
    """

    kind: Kind
    exception_type: str | None
    message: str
    exception: BaseException | None = None
    task: int = 0
    is_note: bool = False  # it does not fail the run

    @property
    def signature(self) -> tuple[Kind, str | None]:
        """What must be equal for two failures to count as one."""
        return (self.kind, self.exception_type)


def type_name(kind: type[BaseException]) -> str:
    """Return the name by which witnesses know an exception's type."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def from_exception(exception: BaseException, kind: Kind = Kind.FAILURE, task: int = 0) -> Failure:
    """Return the failure that `exception` makes."""
    return Failure(kind, type_name(type(exception)), _message(exception), exception, task)


def tells_of_cancellation(failure: Failure) -> bool:
    """Whether a failure is no more than the news that a task was cancelled, on its way to whoever awaits it.

    Where we have cancelled a task ourselves, that is what must come of it; the failure of a correct program.
    """
    asyncio = sys.modules.get("asyncio")
    seen: list[BaseException] = []
    todo = [failure.exception]
    while todo:
        exception = todo.pop()
        if exception is None or any(exception is other for other in seen):
            continue
        seen.append(exception)
        todo += getattr(exception, "exceptions", ())
        if not isinstance(exception, TimeoutError):  # every timeout of asyncio ends in a cancellation of its own
            todo += [exception.__cause__, exception.__context__]
    return asyncio is not None and any(isinstance(exception, asyncio.CancelledError) for exception in seen)


def _message(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception as problem:  # the program's own __str__ may fail
        return f"<no text: {type(problem).__name__}>"


def judge(
    exception: BaseException | None,
    unhandled: Iterable[tuple[int, Any, Any, Any, Any]],
    *,
    stuck: bool,
    livelock: bool,
    leftover: int,
    silent_seconds: float = 0,
    ordinary_hooks: Collection[Any],
    ignored: tuple[type[BaseException], ...] = (),
) -> Failure | None:
    """Return the failure of an execution, or None.

    The body's own exception comes first, since it is what a user sees without us; then that nothing could go
    on; then an exception that left a task. One of those counts only if the hook that got it was there before
    the body began (`ordinary_hooks`): a program that sets its own hook has seen it. Instead of a hook, Ellipsis
    says that a future was dropped whose exception nobody had looked at, NotImplemented that a coroutine was
    never awaited, True that a thread touched the event loop of another one. `silent_seconds` is for how long whoever
    is outside of control was waited for in vain. `ignored` are exceptions that are no failures, such as a skip.
    """
    if livelock:
        return Failure(Kind.LIVELOCK, None, "the tasks go on for ever without progress")
    if stuck:
        silence = f", and nothing came from outside of control for {silent_seconds:.1f} s" if silent_seconds else ""
        return Failure(Kind.DEADLOCK, None, f"no task can go on{silence}")
    if exception is not None and not isinstance(exception, ignored):
        return from_exception(exception)
    if leftover and exception is None:
        tasks = "a task" if leftover == 1 else f"{leftover} tasks"
        return Failure(Kind.DEADLOCK, None, f"the body ended, but {tasks} can never end")
    rows = sorted(unhandled, key=lambda row: row[4] is NotImplemented or row[4] is True)
    for task, _, value, _, hook in rows:
        if hook is NotImplemented:
            return replace(from_exception(value, Kind.NEVER_AWAITED, task), is_note=True)
        if hook is True:
            return replace(from_exception(value, Kind.LOOP_TOUCHED, task), is_note=True)
        if hook is Ellipsis:
            if not isinstance(value, ignored):
                return from_exception(value, Kind.LOST_EXCEPTION, task)
            continue
        if hook is not None and not any(hook is ordinary for ordinary in ordinary_hooks):
            continue
        if isinstance(value, BaseException) and not isinstance(value, ignored):
            return from_exception(value, Kind.LOST_EXCEPTION, task)
    return None
