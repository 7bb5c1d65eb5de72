"""interleave-test: random schedules of two threads that do one `+=` each on a shared counter."""

from __future__ import annotations

import interleave_test
from serving import serve

SCHEDULES = 100


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        self.value += 1


def model() -> None:
    counter = Counter()
    first, second = interleave_test.spawn(counter.add), interleave_test.spawn(counter.add)
    first.join()
    second.join()


def explore() -> int:
    result = interleave_test.explore(model, iterations=SCHEDULES, seed=1)
    assert result.ok
    return SCHEDULES


serve(explore)
