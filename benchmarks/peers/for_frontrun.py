"""frontrun: random schedules of two threads that do `+=` on a shared counter, as often as the argument says."""

from __future__ import annotations

import sys

import frontrun
from serving import serve

TIMES = int(sys.argv[1])
ATTEMPTS = max(10, 100 // TIMES)


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        for _ in range(TIMES):
            self.value += 1


def explore() -> int:
    result = frontrun.explore(
        setup=Counter,
        workers=Counter.add,
        count=2,
        invariant=lambda counter: True,
        strategy="random",
        max_attempts=ATTEMPTS,
        seed=1,
    )
    assert result.property_holds, result
    return int(result.num_explored)


serve(explore)
