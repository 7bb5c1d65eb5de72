"""What a recorder tells of asyncio: names of its tasks, and where they wait."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Collection
from types import FrameType
from typing import Any

_DEFAULT_NAME = re.compile(r"Task-\d+")
_AWAITED = (re.compile(r"await\s+([\w.]+)"), re.compile(r"(async (?:with|for)\s+[\w.]+)"))


def is_asyncio_task(thing: object) -> bool:
    """Whether `thing` is a task of asyncio, which need not have been imported."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(thing, asyncio.Task)


def own_name(task: Any) -> str | None:
    """Return the name that the program gave a task, if any."""
    name = str(task.get_name())
    nameless = name == "None" or _DEFAULT_NAME.fullmatch(name)  # 3.13 calls so an eager task that was given no name
    return None if nameless else name


def task_name(task: Any, taken: Collection[str]) -> str:
    """Return the name that the program gave a task, else that of its function; a second one is `name-2`."""
    own = own_name(task)
    if own is not None:
        return own
    # Of an eager task that has ended already there is none, and 3.12 crashes when it is asked for that.
    coroutine = None if task.done() else task.get_coro()
    function = str(getattr(coroutine, "__qualname__", "task")).rpartition(".")[2]
    return next(name for n in itertools.count(1) if (name := function if n == 1 else f"{function}-{n}") not in taken)


def awaited_in(text: str) -> str:
    """Return what a line awaits, as its source has it."""
    found = next((match for pattern in _AWAITED if (match := pattern.search(text))), None)
    return found.group(1) if found else text.strip()


def coroutine_frames(coroutine: Any) -> list[FrameType]:
    """Return the frames of a suspended coroutine and of those that it awaits, the outermost first."""
    frames: list[FrameType] = []
    while coroutine is not None and len(frames) < 60:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is None:
            break
        frames.append(frame)
        coroutine = getattr(coroutine, "cr_await", None)
    return frames
