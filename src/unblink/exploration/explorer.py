"""Many executions of one body: find a failing schedule, make it small, see what it shows.

The order of things: two executions in the default order, which must do the same if executions can repeat in this
process; then what the portfolio plans, until something fails or the budget is spent. A failing schedule is
minimised; if it then needs a longer stall than the budget of stalls allows, it is a note and the search goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from unblink.exploration.observation import Observation, Observations, Proof, RacingPair
from unblink.exploration.runner import Interrupted
from unblink.exploration.settings import Settings
from unblink.ground.control import Ending
from unblink.ground.real_time import real_seconds
from unblink.model.finding import Kind
from unblink.schedule.minimise import Minimiser
from unblink.schedule.plan import Plan, Step
from unblink.schedule.portfolio import Portfolio

_IN_A_ROW = 32
MOST_MINIMISING = 400
MINIMISING_SECONDS = 3.0
TOO_LONG, MOST_OF_TOO_LONG = 1000, 8
"""A longer schedule than that is no use to anybody: so many executions are spent on it whatever the time."""
READABLE = 3
"""The preemptions that a witness should have at most: of one with more, another execution may give a smaller one."""
MOST_FOR_SMALLER = 60
MOST_FOR_PASSING, PASSING_SECONDS = 60, 1.0
"""What is spent on an execution that passes, beside a failure that needs no choice; nothing where each takes long."""


class Observes(Protocol):
    """Whatever can run a plan: in this process, or each in a forked child."""

    def observe(self, plan: Plan, *, official: bool = False) -> Observation: ...
    def observe_many(self, plans: list[Plan], deadline: float) -> Observations: ...
    def proof(self) -> Proof: ...


class Restores(Protocol):
    """What an earlier search left, as far as the explorer uses it."""

    def take_on(self) -> None: ...
    def restore_proof(self) -> None: ...


@dataclass(slots=True)
class Found:
    """A failing schedule, minimised, with its nearest passing neighbour."""

    observation: Observation
    steps: tuple[Step, ...]
    passing: tuple[Step, ...] | None
    needs_stall_ns: int
    at: int
    is_note: bool

    @property
    def signature(self) -> tuple[object, ...]:
        """What this failure is told apart by."""
        assert self.observation.failure is not None
        return self.observation.failure.signature


@dataclass(frozen=True, slots=True)
class Sighting:
    """A racing pair and the schedule of the first execution that showed it."""

    pair: RacingPair
    steps: tuple[Step, ...]
    stalled_ns: int


@dataclass(slots=True)
class Exploration:
    """What was seen so far; it is right at every moment, so that an interrupt loses nothing."""

    stall_ns: int = 0  # races that need a longer stall are not told
    executions: int = 0
    points: int = 0
    tasks: int = 0
    found: list[Found] = field(default_factory=list)
    failed_at: int | None = None
    concurrent: bool = False
    repeats: bool = True
    cut: int = 0
    interrupted: bool = False
    skipped: bool = False
    first: Observation | None = None
    uncontrolled: list[str] = field(default_factory=list)
    races: dict[tuple[int, int], Sighting] = field(default_factory=dict)
    dropped: int = 0
    interleavings: int | None = None  # the distinct ones, when all were run

    def take_many(self, seen: Observations) -> None:
        """Count executions that had nothing to tell."""
        self.executions += seen.executions
        self.points += seen.points
        self.dropped = max(self.dropped, seen.dropped)
        if seen.tasks > self.tasks:
            self.tasks = seen.tasks
            self.concurrent = self.concurrent or seen.tasks > 1

    def take(self, observation: Observation) -> None:
        """Count one execution."""
        self.executions += 1
        self.points += observation.points
        if observation.tasks > self.tasks:
            self.tasks = observation.tasks
            self.concurrent = self.concurrent or observation.concurrent
        if observation.ending is Ending.STEP_LIMIT:
            self.cut += 1
        if observation.uncontrolled:
            self.uncontrolled.extend(what for what in observation.uncontrolled if what not in self.uncontrolled)
        for pair in observation.races if observation.stalled_ns <= self.stall_ns else ():
            self.races.setdefault(pair.key, Sighting(pair, observation.steps, observation.stalled_ns))
        self.dropped = max(self.dropped, observation.dropped)

    @property
    def failure(self) -> Found | None:
        """What fails the run, or None."""
        if not self.found:  # as after nearly every execution
            return None
        return next((found for found in self.found if not found.is_note), None)


def _without_frames(observation: Observation) -> Observation:
    """Return it without the exception, whose traceback holds whatever the program had open."""
    return observation if observation.failure is None else observation.portable()


def _as_plainly(observation: Observation) -> Observation:
    """Return the only execution as a plain run would be judged: what a thread loses is a warning there, no failure."""
    failure = observation.failure
    if failure is None or failure.kind is not Kind.LOST_EXCEPTION:
        return observation
    return observation._replace(failure=replace(failure, is_note=True))


class Explorer:
    """Explores one body through a runner."""

    def __init__(
        self,
        runner: Observes,
        settings: Settings,
        *,
        after: tuple[int, int] = (0, 0),
        restored: Restores | None = None,
        earlier: int = 0,
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._portfolio = Portfolio(settings.strategy, settings.seed, settings.stall_ns, after)
        self._restored = restored
        self.earlier = earlier
        self._noted: set[object] = set()
        self._end = real_seconds() + settings.budget.seconds
        self.state = Exploration(settings.stall_ns)

    def begin(self, *, official: bool = True) -> Observation | None:
        """Run the first execution; None if it was interrupted."""
        with self._interruptible():
            observation = self._run(next(self._portfolio), official=official)
            if self._settings.budget.executions == 1:
                observation = _as_plainly(observation)
            self.state.first = observation
            self.state.skipped = observation.skipped
            return observation
        return None

    def repeat(self) -> bool:
        """Run the first plan again; whether it did the same. To be called after `begin`, before `search`."""
        first = self.state.first
        if first is None or self._spent() or first.fails:
            return True
        with self._interruptible():
            again = self._run(next(self._portfolio))
            self.state.repeats = again.repeats(first)
            if again.failure is not None and self.state.repeats:
                self._keep(again)
            return self.state.repeats
        return True

    def search(self) -> None:
        """Explore until something fails or the budget is spent."""
        with self._interruptible():
            first = self.state.first
            if (
                first is not None
                and first.failure is not None
                and (first.failure.is_note or self.state.executions == 1)
            ):
                self._keep(first)
            if self._restored is not None:
                self._restored.take_on()
            while self.state.failure is None and not self._spent():
                left = self._settings.budget.executions - self.state.executions
                row = min(_IN_A_ROW, max(1, self.state.executions // 2), left)  # few while each may teach something
                plans = list(itertools.islice(self._portfolio, int(row)))
                if self._run_many(plans) and self._is_proved():
                    break

    @property
    def made(self) -> tuple[int, int]:
        """The plans made so far; see `Portfolio.made`."""
        return self._portfolio.made

    # ---- parts

    def _run(self, plan: Plan, *, official: bool = False) -> Observation:
        observation = _without_frames(self._runner.observe(plan, official=official))
        self.state.take(observation)
        self._portfolio.learn(observation.shortest_stall_ns)
        if observation.fails and self.state.failed_at is None:
            self.state.failed_at = self.state.executions
        return observation

    def _run_many(self, plans: list[Plan]) -> bool:
        """Run plans in a row, as far as they have nothing to tell; whether the last one run was systematic."""
        if self._restored is not None and any(plan.strategy == "dpor" for plan in plans):
            self._restored.restore_proof()
            self._restored = None
        seen = self._runner.observe_many(plans, self._end)
        self.state.take_many(seen)
        self._portfolio.learn(seen.shortest_stall_ns)
        done = seen.executions
        if seen.last is not None:
            done += 1
            self.state.take(seen.last)
            self._portfolio.learn(seen.last.shortest_stall_ns)
            if seen.last.fails:
                self.state.failed_at = self.state.failed_at or self.state.executions
        self._portfolio.put_back(plans[done:])
        if seen.last is not None and seen.last.failure is not None:
            self._keep(seen.last)
            return False
        return done > 0 and plans[done - 1].strategy == "dpor"

    def _is_proved(self) -> bool:
        """Whether every distinct interleaving was run. Where that cannot be, the systematic search ends here."""
        proof = self._runner.proof()
        if proof.strayed:
            what = f"an execution did not follow its own schedule{proof.strayed}: the proof ends there [not-repeatable]"
            self.state.uncontrolled.append(what)
        if proof.diverged or self.state.uncontrolled:
            self._portfolio.give_up_proof()
        elif proof.finished and not self.state.cut:
            self.state.interleavings = proof.interleavings
            return True
        return False

    def _spent(self) -> bool:
        budget = self._settings.budget
        if self.state.interrupted:
            return True
        return self.state.executions >= budget.executions or real_seconds() >= self._end

    def _keep(self, failing: Observation) -> None:
        at = self.state.executions
        assert failing.failure is not None
        if failing.failure.signature in self._noted and failing.stalled_ns > self._settings.stall_ns:
            return
        if failing.failure.is_note:
            found = Found(failing, failing.steps, None, 0, at, is_note=True)
        else:
            found = self._small(failing, at)
        if found.is_note:
            signature = found.observation.failure and found.observation.failure.signature
            if signature in self._noted:
                return
            self._noted.add(signature)
            if self.state.failed_at == at:
                self.state.failed_at = None
        self.state.found.append(found)
        if not found.is_note:
            self.state.failed_at = self.state.failed_at or at

    def _small(self, failing: Observation, at: int) -> Found:
        """Shrink the schedule, and if it stays long, those of other executions that fail alike; keep the best."""
        found = self._minimised(failing, at)
        try:
            for _ in range(MOST_FOR_SMALLER):
                if len(found.steps) <= READABLE or self._spent():
                    break
                other = self._run(next(self._portfolio))
                if other.failure is not None and other.failure.signature == found.signature:
                    again = self._minimised(other, at)
                    found = min(found, again, key=lambda one: (one.is_note, len(one.steps)))
        except Interrupted:
            self.state.interrupted = True
        return found

    def _minimised(self, failing: Observation, at: int) -> Found:
        """Shrink the schedule; when time for that runs out, what was reached counts."""
        assert failing.failure is not None
        wanted = failing.failure.signature
        stall_ns = max(failing.stalled_ns, self._settings.stall_ns)
        best = failing
        passing: dict[tuple[Step, ...], Observation] = {}
        until = real_seconds() + MINIMISING_SECONDS
        left = MOST_MINIMISING

        def attempt(steps: tuple[Step, ...]) -> tuple[Step, ...] | None:
            nonlocal best, left
            left -= 1
            is_short = len(best.steps) <= TOO_LONG or left < MOST_MINIMISING - MOST_OF_TOO_LONG
            if left < 0 or (real_seconds() > until and is_short):
                raise _Enough
            seen = self._observe_directed(steps, stall_ns)
            if seen.failure is None:
                passing[steps] = seen
                return None
            if seen.failure.signature != wanted:
                return None
            best = seen
            return seen.steps

        minimiser = Minimiser(failing.steps, attempt)
        try:
            minimiser.run()
        except _Enough:
            pass
        except Interrupted:
            self.state.interrupted = True
        needs = best.stalled_ns
        neighbour = _nearest(minimiser.best, passing)
        if not minimiser.best and failing.failure.kind is not Kind.LIVELOCK:
            neighbour = self._passing_beside(stall_ns)
        return Found(_without_frames(best), minimiser.best, neighbour, needs, at, needs > self._settings.stall_ns)

    def _passing_beside(self, stall_ns: int) -> tuple[Step, ...] | None:
        """Return the fewest choices found with which what fails in the default order passes, or None."""
        until = real_seconds() + PASSING_SECONDS

        def attempt(steps: tuple[Step, ...]) -> tuple[Step, ...] | None:
            if real_seconds() > until:
                raise _Enough
            seen = self._observe_directed(steps, stall_ns)
            return None if seen.failure is not None else seen.steps

        try:
            for _ in range(MOST_FOR_PASSING):
                if real_seconds() > until or self._spent():
                    return None
                seen = self._run(next(self._portfolio))
                if seen.failure is None and seen.steps and attempt(seen.steps) is not None:
                    break
            else:
                return None
            minimiser = Minimiser(seen.steps, attempt)
            with suppress(_Enough):
                minimiser.run()
            return minimiser.best
        except _Enough:
            return None
        except Interrupted:
            self.state.interrupted = True
            return None

    def _observe_directed(self, steps: tuple[Step, ...], stall_ns: int) -> Observation:
        seen = self._runner.observe(Plan("directed", self._settings.seed, stall_ns, choices=steps))
        self.state.take(seen)
        return seen

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except Interrupted:
            self.state.interrupted = True


class _Enough(Exception):
    """No more executions for minimising."""


def _nearest(best: tuple[Step, ...], passing: dict[tuple[Step, ...], Observation]) -> tuple[Step, ...] | None:
    """Return the passing schedule that has the most of the failing one's choices."""
    candidates = [choices for choices in passing if set(choices) < set(best)]
    return max(candidates, key=len, default=None)
