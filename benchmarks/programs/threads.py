"""Ordinary threads: no harness, nothing of unblink. None of these can fail."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Counter:
    """A number that threads add to."""

    def __init__(self) -> None:
        self.value = 0
        self.lock = threading.Lock()

    def add(self) -> None:
        """Add one, and lose updates."""
        self.value += 1

    def add_five(self) -> None:
        """Add five, one at a time, under the lock."""
        for _ in range(5):
            with self.lock:
                self.value += 1


def run_all(*targets: Callable[[], object]) -> None:
    """Run each target in a thread of its own, to the end."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def two_increments() -> None:
    """Two threads, one `+=` each."""
    counter = Counter()
    run_all(counter.add, counter.add)


def three_under_one_lock() -> None:
    """Three threads, five increments each under one lock."""
    counter = Counter()
    run_all(counter.add_five, counter.add_five, counter.add_five)
    assert counter.value == 15


def increments(tasks: int, times: int) -> Callable[[], None]:
    """Return a body with `tasks` threads that each do `+=` on one attribute so many times: two points each time."""

    def body() -> None:
        counter = Counter()

        def work() -> None:
            for _ in range(times):
                counter.value += 1

        run_all(*[work] * tasks)

    return body


def locked(tasks: int, times: int) -> Callable[[], None]:
    """Return a body with `tasks` threads that each take one lock so many times: one point each time."""

    def body() -> None:
        lock = threading.Lock()

        def work() -> None:
            for _ in range(times):
                with lock:
                    pass

        run_all(*[work] * tasks)

    return body
