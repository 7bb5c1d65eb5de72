"""interleave-test: random schedules of two threads that do `+=` on a shared counter, as often as the argument says."""

from __future__ import annotations

import sys

import interleave_test
from serving import serve

TIMES = int(sys.argv[1])
SCHEDULES = max(10, 100 // TIMES)


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        for _ in range(TIMES):
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
