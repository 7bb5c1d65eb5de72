"""What an exploration may spend, and how it searches: read from the user's words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from unblink.model.errors import UsageError
from unblink.schedule.portfolio import STRATEGIES

_PART = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>x|ms|s|m)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
DEFAULT_EXECUTIONS = 1000
DEFAULT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many executions and so many seconds, whichever ends first."""

    executions: float = DEFAULT_EXECUTIONS
    seconds: float = DEFAULT_SECONDS

    def __str__(self) -> str:
        parts = []
        if not math.isinf(self.executions):
            parts.append(f"{self.executions:g}x")
        if not math.isinf(self.seconds):
            parts.append(f"{self.seconds:g}s")
        return ",".join(parts) or "no bound"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that an exploration is told. `stall` is in seconds of virtual time."""

    budget: Budget = Budget()
    strategy: str = "auto"
    seed: int = 0
    stall: float = 1.0
    strict: bool = False
    continues: bool = False  # from where an earlier search stopped
    cancels: bool = False  # asyncio tasks, where they await

    @property
    def stall_ns(self) -> int:
        """The stall budget in nanoseconds."""
        return round(self.stall * 1e9)


def parse_budget(text: object) -> Budget:
    """Return the budget that `text` asks for: `1000x`, `5s`, `500ms`, `2m`, or two of them with a comma.

    One that names only executions has no bound of time, and one that names only time none of executions.

    Raises:
        UsageError: `bad-budget`.
    """
    if isinstance(text, Budget):
        return text
    executions = seconds = math.inf
    parts = [part.strip() for part in str(text).split(",")]
    for part in parts:
        found = _PART.fullmatch(part)
        number = float(found["number"]) if found else 0.0
        if found is None or number <= 0 or number > 1e12 or len(parts) > 2:
            raise UsageError(
                "bad-budget",
                f"{text!r} is no budget",
                "give executions (1000x), a time (5s, 500ms, 2m), or both (1000x,5s)",
            )
        if found["unit"].lower() == "x":
            if number != int(number):
                raise UsageError("bad-budget", f"{text!r} asks for part of an execution", "give a whole number")
            executions = min(executions, int(number))
        else:
            seconds = min(seconds, number * _SECONDS[found["unit"].lower()])
    return Budget(executions, seconds)


def parse_seed(value: object) -> int:
    """Return the seed that `value` asks for.

    Raises:
        UsageError: `bad-seed`.
    """
    try:
        seed = int(str(value), 0)
    except ValueError:
        seed = -1
    if isinstance(value, bool) or not 0 <= seed < 1 << 64:
        raise UsageError("bad-seed", f"{value!r} is no seed", "give a whole number from 0 to 2**64 - 1")
    return seed


def parse_stall(value: object) -> float:
    """Return the stall budget in seconds that `value` asks for.

    Raises:
        UsageError: `bad-stall`.
    """
    try:
        stall = float(str(value))
    except ValueError:
        stall = -1.0
    if isinstance(value, bool) or not 0 <= stall <= 1e6:
        raise UsageError(
            "bad-stall",
            f"{value!r} is no stall budget",
            "give seconds, 0 or more: for how long tasks may be held back",
        )
    return stall


def parse_strategy(value: object) -> str:
    """Return the strategy that `value` names.

    Raises:
        UsageError: `bad-strategy`.
    """
    if value not in STRATEGIES:
        raise UsageError("bad-strategy", f"{value!r} is no strategy", f"choose one of {', '.join(STRATEGIES)}")
    return str(value)
