"""A body that leaves something behind, so that each execution needs a process of its own."""

from __future__ import annotations

import threading

from benchmarks.programs.threads import run_all


class Pool:
    """Made at first use."""

    def __init__(self) -> None:
        self.uses = 0


_pool: Pool | None = None
_lock = threading.Lock()


def pool() -> Pool:
    """Return the only pool."""
    global _pool
    if _pool is None:
        with _lock:
            if _pool is None:
                _pool = Pool()
    return _pool


def use() -> None:
    """Use the pool."""
    pool().uses += 1


def first_use() -> None:
    """Two threads, both of which may be the first."""
    run_all(use, use)
