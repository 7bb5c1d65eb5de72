"""Who puts callbacks into the queue of an event loop, told while an execution is recorded.

Only the thread that runs a loop may do so by `call_soon` and `call_at`: nothing wakes a loop that sleeps. That is seen
here and not by the ground, since it is asyncio's busiest function, and only a report needs to know.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def loops_told() -> Iterator[None]:
    """Have the recorder told when a task touches the loop of another thread."""
    module: Any = sys.modules.get("asyncio.base_events")
    if module is None:
        yield
        return
    loop = module.BaseEventLoop
    plain = {name: loop.__dict__[name] for name in ("call_soon", "call_at")}
    for name, function in plain.items():
        setattr(loop, name, _told(function))
    try:
        yield
    finally:
        for name, function in plain.items():
            setattr(loop, name, function)


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    from unblink import _native

    @functools.wraps(function)
    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if self._thread_id is not None:
            _native.touch(self)
        return function(self, *arguments, **keywords)

    return call
