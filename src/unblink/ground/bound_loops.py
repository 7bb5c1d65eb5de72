"""To which event loop asyncio's locks, queues and their like belong: that in which a task first waited for them.

One that the program keeps for longer than an execution, in a module or a class, would belong to a loop of an earlier
execution, and a wait for it would fail as it does in no run of the program. So it belongs to none when one ends.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

_bound: list[Any] = []


def look_after() -> None:
    """Have what is bound from now on noticed, once asyncio is there."""
    _bound.clear()
    mixins: Any = sys.modules.get("asyncio.mixins")
    if mixins is None or hasattr(mixins._LoopBoundMixin._get_loop, "__wrapped__"):
        return
    original = mixins._LoopBoundMixin._get_loop

    @wraps(original)
    def _get_loop(self: Any) -> Any:
        if self._loop is None:
            _bound.append(self)
        return original(self)

    mixins._LoopBoundMixin._get_loop = _get_loop


def let_go() -> None:
    """Unbind what was bound since the last call."""
    for thing in _bound:
        thing._loop = None
    _bound.clear()


def give_back() -> None:
    """Have asyncio as it was."""
    mixins: Any = sys.modules.get("asyncio.mixins")
    if mixins is not None and hasattr(mixins._LoopBoundMixin._get_loop, "__wrapped__"):
        mixins._LoopBoundMixin._get_loop = mixins._LoopBoundMixin._get_loop.__wrapped__
