"""Explorations of a body beside plain runs of it, by the wall's clock.

A promise of executions per second is one of a machine. So each is measured a second time, beside a yardstick that the
same minutes show: how long a plain `asyncio.run()` of nothing takes, which is 160 to 200 us on the machine that
the promises are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.loading import explore_loop, plain_loop
from benchmarks.measuring import by_turns
from benchmarks.row import Row

REPETITIONS = 5
YARDSTICK_SECONDS = 180e-6
"""What the yardstick takes on the machine that the promises are about."""
_YARDSTICKS = 200
Body = Callable[[], object]


async def _nothing() -> None:
    return None


def yardstick() -> None:
    """Run asyncio alone."""
    asyncio.run(_nothing())


def compared(
    table: str, title: str, hooked: Body, plain: Body, *, explored: int, runs: int, target: float, of: str
) -> tuple[list[Row], float]:
    """Return the rows that tell of an exploration, and how many plain runs there are in a second.

    One repetition has `explored` executions and so many plain `runs`; `of` is what the latter are called.
    """
    works = {
        "explore": explore_loop(hooked, explored, "random"),
        "plain": plain_loop(plain, runs),
        "yardstick": plain_loop(yardstick, _YARDSTICKS),
    }
    best = by_turns(works, REPETITIONS)
    rate, per_run = explored / best["explore"].wall, runs / best["plain"].wall
    by_cpu = f"{explored / best['explore'].cpu:,.0f}/cpu-s"
    alone = best["yardstick"].wall / _YARDSTICKS
    scaled = Row(
        table, f"{title}: while asyncio.run() runs once", rate * alone, "executions", target * YARDSTICK_SECONDS, True,
        note=f"it takes {alone * 1e6:.0f} us here; {rate * alone / YARDSTICK_SECONDS:,.0f}/s where it takes 180",
    )  # fmt: skip
    return [Row(table, f"{title}: explore()", rate, "/s", target, True, rate / per_run, of, by_cpu), scaled], per_run
