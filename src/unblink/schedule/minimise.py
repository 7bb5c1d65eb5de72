"""Making a failing schedule small: delta debugging over its preemptions (Zeller, Hildebrandt, TSE 2002).

Invariant: `best` always fails as the first one did. A candidate is run leniently: a preemption that cannot be taken
is passed over, and what the engine really did counts, so the result holds no choice that had no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

Steps = tuple[Any, ...]
Attempt = Callable[[Steps], Steps | None]
"""Runs a list of choices; returns the choices that were really taken if it fails alike, else None."""


MOST_TURNED = 8
"""The longest schedule in which targets are tried: the candidates grow with the cube of its length."""


class Minimiser:
    """Shrinks one list of choices; `attempt` may raise to stop, and `best` is then what was reached."""

    def __init__(self, choices: Sequence[Any], attempt: Attempt) -> None:
        self.best = tuple(choices)
        self._attempt = attempt
        self._tried: set[Steps] = set()

    def run(self) -> Steps:
        """Shrink until no single choice, and no half of them, can go."""
        if self.best and not self._consider(()):
            self._keep_a_beginning()
            self._drop_chunks()
            self._drop_pairs()
            self._turn_aside()
        return self.best

    def _consider(self, candidate: Steps) -> bool:
        if candidate in self._tried or candidate == self.best:
            return False
        self._tried.add(candidate)
        taken = self._attempt(candidate)
        if taken is None:
            return False
        self.best = taken if len(taken) <= len(candidate) else candidate
        return True

    def _keep_a_beginning(self) -> None:
        """Drop the end of a long list: what never ends does so by its first choices, and goes on choosing."""
        length = 8
        while length < len(self.best) // 2:
            if self._consider(self.best[:length]):
                return
            length *= 8

    def _drop_chunks(self) -> None:
        size = max(len(self.best) // 2, 1)
        while size >= 1:
            if not self._drop_one_chunk(size):
                size //= 2

    def _drop_one_chunk(self, size: int) -> bool:
        start = 0
        dropped = False
        while start < len(self.best):
            if self._consider(self.best[:start] + self.best[start + size :]):
                dropped = True
            else:
                start += size
        return dropped

    def _drop_pairs(self) -> None:
        """Drop two at a time where one alone cannot go: a switch away and the switch back."""
        again = len(self.best) <= 24
        while again:
            again = any(
                self._consider(tuple(c for k, c in enumerate(self.best) if k not in (i, j)))
                for i in range(len(self.best))
                for j in range(i + 1, len(self.best))
            )

    def _turn_aside(self) -> None:
        """Drop one or two where another choice can lead to where they led.

        A search that begins with a switch to the first task needs one back and one on to the second; that the first
        task hands over to the second is the same with one choice, but no subset of the three.
        """
        again = 2 < len(self.best) <= MOST_TURNED
        while again:
            again = any(self._consider(candidate) for candidate in _turned(self.best)) and len(self.best) > 2


def _turned(steps: Steps) -> Iterator[Steps]:
    """Yield `steps` with two or one fewer, and one of the rest with a target that occurs in another."""
    targets = list(dict.fromkeys(path for step in steps for path in (step.to, step.task)))
    for fewer in (2, 1):
        for dropped in combinations(range(len(steps)), fewer):
            kept = [step for number, step in enumerate(steps) if number not in dropped]
            for number, step in enumerate(kept):
                for target in targets:
                    if target not in (step.to, step.task):
                        yield (*kept[:number], replace(step, to=target), *kept[number + 1 :])
