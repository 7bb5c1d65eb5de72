"""Which plan comes next: one strategy all along, or `auto`'s portfolio.

The first execution is the default order, and so is the second: equal, they say that executions repeat. Then
`auto` is the engine's own portfolio of directed executions and a selectively uniform walk, which stand on what was
learned so far (native/core/strategies/portfolio.cpp). Late in a search every third execution is one of POS, PCT and
a random walk, which stand on nothing. Where some task waits with a deadline, every other execution may hold ready
tasks back for up to the stall budget, and one in eight for up to a minute (what those find is a note).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from unblink.schedule.plan import Plan

LONG_STALL_NS = 60_000_000_000
STRATEGIES = ("auto", "random", "pct", "pos", "surw", "reads-from", "dpor")
LEARNING = ("auto", "surw", "reads-from")
"""Those that stand on what earlier executions showed."""
_LATE = 60
_SEARCH_FIRST = 24
_TURN = 300
"""After the first so many, `auto` tries to run every interleaving, by turns with the search."""
_OTHERS = ("pos", "pct", "random", "pct")


class Portfolio:
    """Makes the plans of one exploration; equal seeds make equal plans. `after` is what an earlier one had `made`."""

    def __init__(self, strategy: str, seed: int, stall_ns: int, after: tuple[int, int] = (0, 0)) -> None:
        self._strategy = strategy
        self._seed = seed
        self._stall_ns = stall_ns
        self._shortest_stall_ns: int | None = None
        self._proves = True
        self._first, self._systematic = after
        self._number = self._first
        self._put_back: list[Plan] = []
        self._plans = self._all_plans()

    def __iter__(self) -> Portfolio:
        """Return itself."""
        return self

    def __next__(self) -> Plan:
        """Return the next plan; there is always one."""
        return self._put_back.pop() if self._put_back else next(self._plans)

    def put_back(self, plans: list[Plan]) -> None:
        """Take plans that were not run: they come next."""
        self._put_back.extend(reversed(plans))

    def learn(self, shortest_stall_ns: int) -> None:
        """Take notice of the least stall that would have let a deadline pass in an execution."""
        known = self._shortest_stall_ns
        if known is None or shortest_stall_ns < known:
            self._shortest_stall_ns = shortest_stall_ns

    @property
    def made(self) -> tuple[int, int]:
        """How many searching and how many systematic plans there were, those of earlier runs included."""
        return self._number, self._systematic

    def give_up_proof(self) -> None:
        """Ask for no more systematic executions: they do not repeat, or not all can be run."""
        self._proves = False
        self._put_back = [plan for plan in self._put_back if plan.strategy != "dpor"]

    def _all_plans(self) -> Iterator[Plan]:
        yield Plan("default", self._seed)
        yield Plan("default", self._seed, as_before=True)
        for number in itertools.count(self._first):
            self._number = number
            while self._is_systematic(number, self._systematic):
                self._systematic += 1
                yield Plan("dpor", self._seed, self._stall_ns)
            if self._strategy == "dpor":
                yield Plan("pos", self._seed_of(number), self._stall(number))
                continue
            strategy, depth = self._turn(number)
            yield Plan(strategy, self._seed_of(number), self._stall(number), depth)

    def _is_systematic(self, number: int, systematic: int) -> bool:
        if not self._proves or self._strategy not in ("auto", "dpor"):
            return False
        if self._strategy == "dpor":
            return True
        return number >= _SEARCH_FIRST and systematic <= number - _SEARCH_FIRST + _TURN

    def _turn(self, number: int) -> tuple[str, int]:
        if self._strategy != "auto":
            return self._strategy, 3
        if number < _LATE or number % 3 != 2:
            return "auto", 3
        turn = number // 3
        return _OTHERS[turn % len(_OTHERS)], 2 + turn // len(_OTHERS) % 3

    def _seed_of(self, number: int) -> int:
        return (self._seed * 0x9E3779B97F4A7C15 + number + 1) & 0xFFFFFFFFFFFFFFFF

    def _stall(self, number: int) -> int:
        shortest = self._shortest_stall_ns
        if shortest is None or shortest > LONG_STALL_NS:
            return 0
        turn = number % 4 in (0, 3)  # of both halves of `auto`, which go by turns
        if number % 16 in (6, 13) or (shortest > self._stall_ns and turn):
            return max(LONG_STALL_NS, self._stall_ns)
        return self._stall_ns if turn else 0
