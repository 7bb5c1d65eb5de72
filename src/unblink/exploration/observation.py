"""What one execution showed, in a form that can cross from a forked child."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from unblink.detect.judge import Failure
from unblink.gil.trails import Switch
from unblink.ground.control import Ending
from unblink.model.finding import Event, Gil, Kind, Stack, TaskInfo, Waiting
from unblink.model.schedule import Stall
from unblink.model.site import SourceLine
from unblink.schedule.plan import Plan, Step

NEVER_NS = 2**63 - 1


class Proof(NamedTuple):
    """How far the systematic search has come: `redundant` executions were equal to earlier ones; `diverged` says that
    executions did not follow their schedules, so that nothing is proved; `strayed` where one did something else."""

    finished: bool
    interleavings: int
    redundant: int
    diverged: bool
    strayed: str = ""


class RacingPair(NamedTuple):
    """Two sites whose accesses to one location nothing ordered: by their numbers, the tasks, and who writes."""

    first: int
    second: int
    first_task: int
    second_task: int
    first_writes: bool
    second_writes: bool

    @property
    def key(self) -> tuple[int, int]:
        """What is equal for the same two sites, whichever came first."""
        return min(self.first, self.second), max(self.first, self.second)


@dataclass(frozen=True, slots=True)
class RaceSeen:
    """A racing pair in an execution that kept every object alive: two events of `Recording.events`, by number."""

    pair: RacingPair
    first: int
    second: int
    stacks: tuple[Stack, ...]


class Observation(NamedTuple):
    """The outcome of running a plan. A named tuple for the same reason as `Run`.

    `steps` are the choices by which a failing schedule differs from the default order; `missed` is the first of a
    directed plan's choices that was not taken, or -1; `missed_site_known` whether the program came to where that
    one stands; `hot` the sites that are known to race;
    `uncontrolled` says what was done that cannot be controlled; `races` are the pairs that no execution before has
    shown, `dropped` of how many locations the detector gave up the history.
    """

    plan: Plan
    failure: Failure | None
    ending: Ending
    points: int
    tasks: int
    call_hash: int
    stalled_ns: int
    shortest_stall_ns: int
    steps: tuple[Step, ...]
    missed: int = -1
    missed_site_known: bool = True
    hot: tuple[int, ...] = ()
    skipped: bool = False
    uncontrolled: tuple[str, ...] = ()
    races: tuple[RacingPair, ...] = ()
    dropped: int = 0

    @property
    def concurrent(self) -> bool:
        """Whether two tasks met."""
        return self.tasks > 1

    @property
    def is_stuck(self) -> bool:
        """Whether it never came to its end: who waits for what says more than any exception."""
        return self.failure is not None and self.failure.kind in (Kind.DEADLOCK, Kind.LIVELOCK)

    @property
    def fails(self) -> bool:
        """Whether it has a failure that is no note."""
        return self.failure is not None and not self.failure.is_note

    def repeats(self, other: Observation) -> bool:
        """Whether this execution did the same as `other`, run under the same plan."""
        return self._identity() == other._identity()

    def _identity(self) -> object:
        signature = None if self.failure is None or self.failure.is_note else self.failure.signature
        return (self.call_hash, self.tasks, self.ending, signature)

    def portable(self) -> Observation:
        """Return this without the objects that only this process has."""
        failure = None if self.failure is None else replace(self.failure, exception=None)
        return self._replace(failure=failure)


class Observations(NamedTuple):
    """Executions in a row that had nothing to tell, in sums; `last` is the one after them that has, if there is one."""

    executions: int
    points: int
    tasks: int
    shortest_stall_ns: int
    dropped: int
    last: Observation | None


@dataclass(frozen=True, slots=True)
class Recording:
    """One execution as the recorder saw it: all that a report says of it."""

    observation: Observation
    events: tuple[Event, ...]
    tasks: tuple[TaskInfo, ...]
    stalls: tuple[Stall, ...]
    waiting: tuple[Waiting, ...]
    where: SourceLine | None
    traceback: str
    races: tuple[RaceSeen, ...] = ()
    switches: tuple[Switch, ...] = ()  # to the events that were preempted or watched, from the nearest to the farthest
    turned_at: SourceLine | None = None  # the last line of the program at which a task was preempted or held back

    def gil_between(self, first: Event, second: Event) -> Gil:
        """Return whether the GIL can be given away between two events of one task."""
        to_second = [switch for switch in self.switches if switch.second == second.number]
        found = next((switch for switch in to_second if switch.first in (first.number, 0)), None)
        return Gil.UNKNOWN if found is None else found.gil

    def gil_before(self, event: Event) -> Gil:
        """Return whether the GIL can be given away since the event that came before `event` in its task."""
        found = next((switch for switch in self.switches if switch.second == event.number), None)
        return Gil.CAN_HAPPEN if found is None else found.gil
