"""frontrun: random schedules of two threads that do one `+=` each on a shared counter."""

from __future__ import annotations

import frontrun
from serving import serve

ATTEMPTS = 100


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
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
