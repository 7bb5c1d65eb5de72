"""Executions a second where each needs a process of its own."""

from __future__ import annotations

import unblink
from benchmarks.measuring import by_turns, processor_seconds
from benchmarks.programs import singleton
from benchmarks.row import Row

EXECUTIONS = 150
REPETITIONS = 6


def rows() -> list[Row]:
    """Measure."""

    def work() -> None:
        singleton._pool = None
        result = unblink.explore(singleton.first_use, budget=f"{EXECUTIONS}x", strategy="random", witnesses=None)
        assert result.isolated, "the body repeats in one process, though it must not"
        assert result.executions == EXECUTIONS and result.failure is None

    best = by_turns({"forked": work}, REPETITIONS, processor_seconds)["forked"]
    rate = EXECUTIONS / best.cpu  # of parent and children together, so that it is one core's
    note = f"{EXECUTIONS / best.wall:,.0f}/s by the wall's clock, on all cores"
    return [Row("isolation", "lazy singleton, a process for each execution", rate, "/cpu-s", 300.0, note=note)]
