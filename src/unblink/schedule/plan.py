"""A plan: under what one execution is to be run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from unblink.model.schedule import CANCELLED, Preemption

Path = tuple[int, ...]
"""A task by creation: child numbers from 1; `()` is main."""
CANCELS: Path = (0,)
"""Instead of a task: who was there is cancelled. No task has this path."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A preemption in the engine's terms, within this process. `to` None is the clock, `CANCELS` a cancellation."""

    task: Path
    site: int
    occurrence: int
    to: Path | None


Step = Choice | Preemption
"""A choice of a schedule: in the engine's terms where all is one process, by names where it is not."""


class Plan(NamedTuple):
    """A named tuple, since each execution has one: a frozen dataclass costs more than some scheduling points.

    `strategy` is an engine's name; `stall_ns` the most that tasks may be held back; `choices` is what `directed`
    follows, in the engine's terms or by names; `as_before` asks for the points of the execution before."""

    strategy: str
    seed: int = 0
    stall_ns: int = 0
    depth: int = 3
    as_before: bool = False
    choices: tuple[Step, ...] = ()


def path_text(path: Path) -> str:
    """Return a path as witnesses write it: `main/2/1`."""
    return CANCELLED if path == CANCELS else "/".join(["main", *map(str, path)])


def path_of(text: str) -> Path:
    """Return the path that `text` writes.

    Raises:
        ValueError: it is none.
    """
    if text == CANCELLED:
        return CANCELS
    first, *rest = text.split("/")
    if first != "main" or not all(part.isdecimal() for part in rest):
        raise ValueError(f"{text!r} is no task")
    return tuple(map(int, rest))
