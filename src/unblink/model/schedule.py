"""A schedule, kept as its preemptions: the few choices in which it differs from the default order.

The default order is non-preemptive: a task runs until it waits or ends, then the oldest task that can
run goes on. So a schedule of two preemptions is two lines that a person can read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unblink.model.site import SiteName

CLOCK = "clock"
"""The `to` of a preemption that holds every task back until the next deadline: a stall."""


CANCELLED = "cancelled"
"""The `to` of a choice by which somebody cancels an asyncio task where it awaits."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """One choice: when `task` comes to `site` for the `occurrence`-th time (from 1), `to` goes on instead.

    `task` and `to` are creation paths: `main`, `main/1` for the second task that main started,
    `main/1/1` for the first that this one started. `to` may be `CLOCK` or `CANCELLED`.
    """

    task: str
    site: SiteName
    occurrence: int
    to: str

    @property
    def is_stall(self) -> bool:
        """Whether this choice lets the virtual clock run instead of switching to a task."""
        return self.to == CLOCK

    @property
    def is_cancellation(self) -> bool:
        """Whether this choice cancels the task."""
        return self.to == CANCELLED


@dataclass(frozen=True, slots=True)
class Schedule:
    """The preemptions of one execution, in the order in which they were taken."""

    preemptions: tuple[Preemption, ...] = ()

    def __len__(self) -> int:
        return len(self.preemptions)


@dataclass(frozen=True, slots=True)
class Stall:
    """A time for which runnable tasks were held back, as a slow machine would.

    `task` is the display name of a held task, `seconds` the virtual time; it was held at `before`, having
    last passed `after`. `others` are those that were held meanwhile: a machine that stands still holds them all.
    """

    task: str
    seconds: float
    after: str
    before: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Controls:
    """What an execution was run under, besides its schedule; a witness repeats it exactly."""

    seed: int = 0
    epoch: float = 0.0  # what time.time() says when the execution starts, in seconds
    stall: float = 1.0  # the most virtual time for which runnable tasks may be held back, in seconds
    extra: dict[str, str] = field(default_factory=dict)
