"""Calls of the standard library as one operation each, for reports.

`queue.put` takes a lock, looks, notifies and lets the lock go; a reader of a report wants to see `put`. The first
controlled operation inside such a call is shown under the call's own verb, the rest is not, but for a wait that
ends in a timeout.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

_VERBS = {
    "Thread.join": "join",
    "Thread.is_alive": "read",
    "Queue.put": "put",
    "Queue.put_nowait": "put",
    "Queue.get": "get",
    "Queue.get_nowait": "get",
    "Queue.join": "wait",
    "Queue.task_done": "notify",
    "Queue.qsize": "read",
    "Queue.empty": "read",
    "Queue.full": "read",
    "Event.set": "set",
    "Event.clear": "clear",
    "Event.wait": "wait",
    "Event.is_set": "read",
    "Condition.wait": "wait",
    "Condition.wait_for": "wait",
    "Condition.notify": "notify",
    "Condition.notify_all": "notify_all",
    "Lock.acquire": "acquire",
    "Lock.release": "release",
    "_ContextManagerMixin.__aenter__": "acquire",  # of asyncio's locks
    "_ContextManagerMixin.__aexit__": "release",
    "Condition.__enter__": "acquire",
    "Condition.__exit__": "release",
    "Semaphore.acquire": "acquire",
    "Semaphore.release": "release",
    "Semaphore.__exit__": "release",
    "BoundedSemaphore.release": "release",
    "Barrier.wait": "wait",
    "Future.result": "wait",
    "Future.exception": "wait",
    "Future.done": "read",
    "Future.set_result": "set",
    "Future.set_exception": "set",
    "Future.cancel": "set",
    "ThreadPoolExecutor.submit": "put",
    "ThreadPoolExecutor.shutdown": "join",
    "Executor.__exit__": "join",
    "Executor.map": "put",
    "wait": "wait",
    "as_completed": "wait",
}
_ONLY_RUNS = frozenset(
    {"wait_for", "run", "Runner.run", "BaseEventLoop.run_until_complete", "BaseEventLoop.run_forever"}
)
READ_WITHOUT_A_LOCK = frozenset({"_flag", "_count", "_state", "_name"})
"""The attributes of threading's own objects that a program reads without a lock, by a method or a property."""


@dataclass(frozen=True, slots=True)
class LibraryCall:
    """One call of the library by the program: its verb, whom it is called on, and what tells it from the next."""

    verb: str
    receiver: Any
    frame: int  # identity of the call's frame


def call_around(
    frame: FrameType | None, is_library: Callable[[str], bool]
) -> tuple[LibraryCall | None, FrameType | None]:
    """Return the library's function that the program has called and is in, and the frame that called it.

    `frame` is the innermost one. Of a call that only runs others (`asyncio.wait_for`) it is one of those; in a thread
    that runs nothing but the library it is the outermost function that reports show as a whole, and its caller. Either
    is None where there is no such.
    """
    inner = None
    known: FrameType | None = None
    while frame is not None and is_library(frame.f_code.co_filename):
        known = frame if frame.f_code.co_qualname in _VERBS else known
        inner, frame = frame, frame.f_back
    if known is not None and frame is None:
        return library_call(known.f_code, known), known.f_back
    if known is not None and inner is not None and inner.f_code.co_qualname in _ONLY_RUNS:
        inner = known
    return (library_call(inner.f_code, inner) if inner is not None else None), frame


def outwards(frame: FrameType | None, is_wanted: Callable[[str], bool]) -> FrameType | None:
    """Return the innermost frame from `frame` on whose file is wanted."""
    while frame is not None and not is_wanted(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def library_call(code: CodeType | None, frame: FrameType | None = None) -> LibraryCall | None:
    """Return the call of `code` under way in `frame` (this thread's), if reports show it as a whole."""
    if code is None:
        return None
    verb = _VERBS.get(code.co_qualname)
    if verb is None:
        return None
    frame = frame or sys._getframe(1)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    if frame is None:
        return LibraryCall(verb, None, 0)
    return LibraryCall(verb, frame.f_locals.get("self"), id(frame))
