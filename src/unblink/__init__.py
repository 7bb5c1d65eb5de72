"""unblink finds, replays, explains and proves fixed the concurrency bugs of Python programs.

`pytest --race` is the one flag. In Python:

    result = unblink.explore(body, budget="1000x")
    result.raise_if_failed()
"""

from __future__ import annotations

__version__ = "0.1.0"

from unblink.api import explore, invariant, point, replay
from unblink.model.errors import DivergenceError, InternalError, UnblinkError, UncontrolledError, UsageError

__all__ = [
    "DivergenceError",
    "InternalError",
    "UnblinkError",
    "UncontrolledError",
    "UsageError",
    "__version__",
    "explore",
    "invariant",
    "point",
    "replay",
]
