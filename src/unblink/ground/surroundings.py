"""What every execution must find as the first one found it: counters of names, and the shared generator.

`threading` and `concurrent.futures` number their threads from counters of the process, so that the second
execution's `Thread-1` would be called `Thread-3`. They are set back for each execution and given back after it. So are
the idle threads that trio keeps for later work: those of an execution have ended with it.
"""

from __future__ import annotations

import random
import sys
import threading
from itertools import count
from typing import Any, cast

from unblink.ground import bound_loops


class Surroundings:
    """Sets the process's counters and generator before an execution, and puts back what was there."""

    def __init__(self) -> None:
        from unblink import _native

        self._copy = _native.copy_random
        self._shared = cast(Any, random)._inst
        self._seeded: dict[int, random.Random] = {}
        self._outer = random.Random(0)
        self._outer_gauss: float | None = None
        self._outer_counter: Any = None
        self._outer_pool_counter: Any = None
        self._first_name = cast(Any, threading)._counter()
        self._pools: Any = None
        self._trio_threads: Any = None
        self._outer_trio: tuple[Any, Any] = (None, None)
        self._order = _native.order_by_birth
        self._futures_are_ordered = False
        _native.set_leftover_hook(wake_idle_pools)

    def order(self) -> None:
        """Have threads, and futures as soon as there are any, hashed alike in every execution.

        Called each time the ground is installed: when it goes, their hashes are their addresses again.
        """
        self._order(threading.Thread, list(cast(Any, threading)._dangling))
        self._futures_are_ordered = False

    def prepare(self, seed_of_program: int = 0) -> None:
        """Set everything for an execution of which the program's own randomness has this seed."""
        seeded = self._seeded.get(seed_of_program)
        if seeded is None:
            seeded = self._seeded[seed_of_program] = random.Random(seed_of_program)
        bound_loops.look_after()
        shared = self._shared
        self._copy(self._outer, shared)
        self._outer_gauss = shared.gauss_next
        self._copy(shared, seeded)
        shared.gauss_next = None
        module = cast(Any, threading)
        self._outer_counter = module._counter
        module._counter = count(self._first_name).__next__
        self._pools = _pool_class()
        if self._pools is not None:
            self._outer_pool_counter = self._pools._counter
            self._pools._counter = count(0).__next__
            if not self._futures_are_ordered:
                from concurrent.futures import Future

                self._order(Future, [])
                self._futures_are_ordered = True
        self._trio_threads = trio = cast(Any, sys.modules.get("trio._core._thread_cache"))
        if trio is not None:
            self._outer_trio = (trio.THREAD_CACHE._idle_workers, trio.name_counter)
            trio.THREAD_CACHE._idle_workers = {}
            trio.name_counter = count(0)

    def restore(self) -> None:
        """Put back what `prepare` found."""
        bound_loops.let_go()
        shared = self._shared
        self._copy(shared, self._outer)
        shared.gauss_next = self._outer_gauss
        cast(Any, threading)._counter = self._outer_counter
        if self._pools is not None:
            self._pools._counter = self._outer_pool_counter
        if self._trio_threads is not None:
            self._trio_threads.THREAD_CACHE._idle_workers, self._trio_threads.name_counter = self._outer_trio


def _pool_class() -> Any:
    module = sys.modules.get("concurrent.futures.thread")
    return None if module is None else cast(Any, module).ThreadPoolExecutor


def wake_idle_pools() -> None:
    """Tell the workers of thread pools that nobody shut down to end, as the interpreter does at exit.

    Called as the last thing that main does, when nothing is left but workers that wait.
    """
    module = sys.modules.get("concurrent.futures.thread")
    if module is None:
        return
    pools = cast(Any, module)
    waiting = [(thread, work) for thread, work in list(pools._threads_queues.items()) if thread.is_alive()]
    if not waiting:
        return
    before = pools._shutdown
    pools._shutdown = True
    try:
        for _, work in waiting:
            work.put(None)
        for thread, _ in waiting:
            thread.join()
    finally:
        pools._shutdown = before
