"""Explorations of a body beside plain runs of it, by the wall's clock."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.loading import explore_loop, plain_loop
from benchmarks.measuring import by_turns
from benchmarks.row import Row

REPETITIONS = 5
Body = Callable[[], object]


def compared(
    table: str, title: str, hooked: Body, plain: Body, *, explored: int, runs: int, target: float, of: str
) -> tuple[Row, float]:
    """Return the row that tells of an exploration, and how many plain runs there are in a second.

    One repetition has `explored` executions and so many plain `runs`; `of` is what the latter are called.
    """
    works = {"explore": explore_loop(hooked, explored, "random"), "plain": plain_loop(plain, runs)}
    best = by_turns(works, REPETITIONS)
    rate, per_run = explored / best["explore"].wall, runs / best["plain"].wall
    by_cpu = f"{explored / best['explore'].cpu:,.0f}/cpu-s"
    return Row(table, f"{title}: explore()", rate, "/s", target, True, rate / per_run, of, by_cpu), per_run
