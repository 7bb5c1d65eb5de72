"""Which plan comes next: one strategy all along, or `auto`'s portfolio.

The first execution is the default order, and so is the second: equal, they say that executions repeat. Then
`auto` takes the strategies by turns, since each is good at what another is bad at: a random walk at shallow bugs,
POS at orders of conflicting operations, PCT at few preemptions among many points. Where some task waits with a
deadline, every other execution may hold ready tasks back for up to the stall budget, and one in eight for up to a
minute (what those find is a note).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from unblink.schedule.plan import Plan

LONG_STALL_NS = 60_000_000_000
STRATEGIES = ("auto", "random", "pct", "pos")
_TURNS = ("random", "pos", "pct", "pos", "random", "pct")


class Portfolio:
    """Makes the plans of one exploration; equal seeds make equal plans."""

    def __init__(self, strategy: str, seed: int, stall_ns: int) -> None:
        self._strategy = strategy
        self._seed = seed
        self._stall_ns = stall_ns
        self._shortest_stall_ns: int | None = None
        self._plans = self._all_plans()

    def __next__(self) -> Plan:
        """Return the next plan; there is always one."""
        return next(self._plans)

    def learn(self, shortest_stall_ns: int) -> None:
        """Take notice of the least stall that would have let a deadline pass in an execution."""
        known = self._shortest_stall_ns
        if known is None or shortest_stall_ns < known:
            self._shortest_stall_ns = shortest_stall_ns

    def _all_plans(self) -> Iterator[Plan]:
        yield Plan("default", self._seed)
        yield Plan("default", self._seed, as_before=True)
        for number in itertools.count():
            strategy, depth = self._turn(number)
            yield Plan(strategy, self._seed_of(number), self._stall(number), depth)

    def _turn(self, number: int) -> tuple[str, int]:
        if self._strategy != "auto":
            return self._strategy, 3
        turn = _TURNS[number % len(_TURNS)]
        return turn, 2 + number // len(_TURNS) % 3

    def _seed_of(self, number: int) -> int:
        return (self._seed * 0x9E3779B97F4A7C15 + number + 1) & 0xFFFFFFFFFFFFFFFF

    def _stall(self, number: int) -> int:
        shortest = self._shortest_stall_ns
        if shortest is None or shortest > LONG_STALL_NS:
            return 0
        if number % 8 == 7 or (shortest > self._stall_ns and number % 2 == 1):
            return max(LONG_STALL_NS, self._stall_ns)
        if number % 2 == 0:
            return self._stall_ns
        return 0
