"""What one more scheduling point costs, all in: the same program with k and with 2k points, the difference divided.

That includes the program's own bytecode, the hook, the engine's decision, and the switch where there is one.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.loading import native_points, native_run, prepare
from benchmarks.measuring import by_turns
from benchmarks.programs import threads
from benchmarks.row import Row

K = 10_000
REPETITIONS = 15
PROGRAMS: dict[str, Callable[[int, int], Callable[[], None]]] = {
    "+= on a shared attribute": threads.increments,
    "with lock": threads.locked,
}


def rows() -> list[Row]:
    """Measure."""
    prepare()
    found = []
    for title, make in PROGRAMS.items():
        for strategy in ("random", "pos", "pct"):
            once, twice = make(2, K // 2), make(2, K)
            for seed in range(3):  # learns which sites race, and finds the pools grown
                native_run(twice, strategy, seed)
            more = native_points(twice) - native_points(once)
            best = by_turns(
                {
                    "once": lambda once=once, strategy=strategy: native_run(once, strategy, 1),
                    "twice": lambda twice=twice, strategy=strategy: native_run(twice, strategy, 1),
                },
                REPETITIONS,
            )
            cost = (best["twice"].cpu - best["once"].cpu) / more * 1e6
            found.append(
                Row(
                    "points",
                    f"{title}, {strategy}",
                    cost,
                    "µs/point",
                    1.0,
                    False,
                    note=f"{more:,} more points",
                )
            )
    return found
