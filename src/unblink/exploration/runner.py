"""Runs plans: the one place where an execution of the ground becomes an observation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from unblink.detect.judge import Failure, judge, tells_of_cancellation
from unblink.exploration import interrupt
from unblink.exploration.binding import Binding, bound, schedule_of
from unblink.exploration.observation import Observation, Observations, Proof, RacingPair, Recording
from unblink.exploration.recording import recording
from unblink.exploration.target import Target
from unblink.exploration.tracebacks import text_of, where_of
from unblink.exploration.unheard import quiet_threads, what_was_cut_unheard
from unblink.ground.control import STEP_LIMIT, Ending, Run, run, run_many
from unblink.ground.sources import FIRST_SITE, Sources
from unblink.model.errors import UncontrolledError
from unblink.model.finding import Event
from unblink.model.schedule import Preemption, Schedule
from unblink.schedule.plan import CANCELS, Choice, Path, Plan, Step

_SEEDS = 0xFFFFFFFFFFFFFFFF
_TARGETS: dict[int, Path | None] = {-2: None, -3: CANCELS}  # of choices that go to no task
_UNCONTROLLED = (
    "a child process [uncontrolled-process]",
    "a socket to another process [uncontrolled-socket]",
    "a call that blocked all tasks [uncontrolled-blocking-call]",
    "when exactly a signal comes [uncontrolled-signal]",
    "the order and lateness of what an event loop waits for [uncontrolled-event-loop]",
    "asyncio tasks that are written in Python [uncontrolled-event-loop]",
)


class Interrupted(Exception):
    """The user pressed Ctrl-C: what is known so far counts, nothing more is run."""


class LoopRefused(UncontrolledError):
    """An event loop that waits in C; `went_on` says that the execution came to its end without control."""

    def __init__(self, loop: str, went_on: bool) -> None:
        super().__init__(
            "unknown-event-loop",
            f"the event loop {loop} waits in C, where no other task can run and no clock is virtual",
            "use asyncio's own event loop under --race",
        )
        self.loop = loop
        self.went_on = went_on


class Runner:
    """Runs one target under plans, in this process.

    `epoch_ns` is what `time.time_ns()` says when an execution starts.
    """

    isolated = False

    def __init__(
        self, target: Target, sources: Sources, epoch_ns: int, step_limit: int = STEP_LIMIT, *, follows: bool = False
    ) -> None:
        from unblink import _native

        self.target = target
        self._sources = sources
        self._epoch_ns = epoch_ns
        self._step_limit = step_limit
        self._expected_steps = 1
        self._races_known = 0
        self._follows = follows  # a witness: what it shows is told each time
        self._usual_losses: set[tuple[object, ...]] | None = None
        self._native = _native
        _native.set_test_code(target.code)
        _native.take_uncontrolled()  # what ran before this target is not its own

    def observe(self, plan: Plan, *, official: bool = False) -> Observation:
        """Run the target once under `plan`.

        Raises:
            Interrupted: Ctrl-C came; the process is as it was before.
            LoopRefused: it runs an event loop that cannot be controlled (`unknown-event-loop`).
        """
        if interrupt.was_pressed():
            raise Interrupted
        if plan.choices:
            if isinstance(plan.choices[0], Preemption):
                with bound(Schedule(cast(tuple[Preemption, ...], plan.choices)), self._sources) as binding:
                    return self._observe(plan, official, binding)
            choices = cast(tuple[Choice, ...], plan.choices)
            self._native.direct([(c.task, c.site, c.occurrence, c.to) for c in choices])
        elif plan.strategy == "directed":
            self._native.direct([])
        return self._observe(plan, official, None)

    def observe_many(self, plans: list[Plan], deadline: float) -> Observations:
        """Run the target under one plan after another, until an execution has something to tell.

        None of the plans has choices, or asks for the points of the execution before. `deadline` is one of
        `real_seconds`.

        Raises:
            Interrupted: Ctrl-C came.
            LoopRefused: as `observe` does.
        """
        if interrupt.was_pressed():
            raise Interrupted
        with quiet_threads() as hooks:
            many = run_many(
                self.target.run,
                [(plan.strategy, plan.seed & _SEEDS, plan.stall_ns, plan.depth) for plan in plans],
                epoch_ns=self._epoch_ns,
                expected_steps=self._expected_steps,
                step_limit=self._step_limit,
                deadline=deadline,
            )
        last = None
        if many.last is not None:
            self._check(many.last)
            last = self._observation(plans[many.executions], many.last, hooks, None)
        return Observations(*many[:-1], last)

    def record(self, plan: Plan, watched: Sequence[int] = ()) -> Recording:
        """Run the target once under `plan`, watched closely; with the stacks at the sites `watched`."""
        with recording(self._sources, watched) as recorder:
            observation = self.observe(plan)
            recorder.keep()
        exception = observation.failure.exception if observation.failure is not None else None
        return Recording(
            observation.portable(),
            tuple(recorder.events),
            recorder.tasks_seen,
            recorder.stalls_seen,
            recorder.waiting,
            where_of(exception, self._sources),
            text_of(exception, self._sources),
            recorder.races,
            recorder.switches,
            recorder.turned_at,
        )

    def stall_places(self, plan: Plan) -> tuple[Preemption, ...]:
        """Run the target once along `plan`'s choices; return the stalls that it had room for, in their order."""
        self.observe(plan)
        paths = task_paths()
        rows = self._native.stall_places()
        stalls = [Choice(paths[task], site, occurrence, None) for task, site, occurrence in rows]
        return self.schedule(stalls).preemptions

    def show(self, plan: Plan) -> Any:
        """Run the target officially under `plan` and return what it left to report."""
        self.observe(plan, official=True)
        return self.target.harvest()

    def proof(self) -> Proof:
        """Return how far the systematic search has come."""
        finished, interleavings, redundant, diverged, strayed = self._native.proof()
        return Proof(finished, interleavings, redundant, diverged, self._place(strayed))

    def sites_of(self, events: Iterable[Event]) -> tuple[int, ...]:
        """Return the site of each event of a recording."""
        return tuple(event.site for event in events if event.site)

    def schedule(self, steps: Sequence[Step]) -> Schedule:
        """Return `steps` by their names."""
        return schedule_of(cast(Sequence[Choice], steps), self._sources)

    def _observe(self, plan: Plan, official: bool, binding: Binding | None) -> Observation:
        body: Callable[[], Any] = self.target.run
        if official and self.target.official is not None:
            body = self.target.official
        with what_was_cut_unheard(official) as runs, quiet_threads(official=official and not plan.choices) as hooks:
            outcome = run(
                body,
                plan.strategy,
                plan.seed,
                stall_ns=plan.stall_ns,
                epoch_ns=self._epoch_ns,
                depth=plan.depth,
                expected_steps=self._expected_steps,
                step_limit=self._step_limit,
                as_before=plan.as_before,
            )
            runs.append(outcome)
        self._check(outcome)
        self._expected_steps = max(self._expected_steps, outcome.points)
        return self._observation(plan, outcome, hooks, binding)

    def _check(self, outcome: Run) -> None:
        refused = self._native.take_refused_loop()
        if refused is not None:
            name, site, went_on = refused
            raise LoopRefused(f"{name}{self._place(site)}", went_on)
        exception = outcome.exception
        if outcome.interrupted or (exception is not None and isinstance(exception, KeyboardInterrupt)):
            raise Interrupted

    def _observation(self, plan: Plan, outcome: Run, hooks: tuple[Any, ...], binding: Binding | None) -> Observation:
        ignored = self.target.ignored
        failure = (
            None
            if outcome.is_clean or outcome.ending is Ending.STEP_LIMIT  # cut: nothing is known of its end
            else judge(
                outcome.exception,
                outcome.unhandled,
                stuck=outcome.ending is Ending.STUCK,
                livelock=outcome.ending is Ending.LIVELOCK,
                leftover=outcome.leftover,
                silent_seconds=self._native.waited_in_vain(),
                ordinary_hooks=hooks,
                ignored=ignored,
            )
        )
        choices = taken_choices() if failure is not None else ()
        if failure is not None and any(choice.to == CANCELS for choice in choices) and tells_of_cancellation(failure):
            failure = None
        failure = self._told_once(failure, outcome)
        missed = self._native.missed() if plan.strategy == "directed" else -1
        races: tuple[RacingPair, ...] = ()
        if outcome.racing > self._races_known:
            races = tuple(RacingPair(*row) for row in self._native.races(self._races_known))
        self._races_known = outcome.racing
        return Observation(
            plan,
            failure,
            outcome.ending,
            outcome.points,
            outcome.tasks,
            outcome.call_hash,
            outcome.stalled_ns,
            outcome.shortest_stall_ns,
            choices or (taken_choices() if failure is not None or races else ()),
            missed,
            missed < 0 or binding is None or binding.numbers[missed] > 0,
            skipped=failure is None and isinstance(outcome.exception, ignored),
            uncontrolled=self._uncontrolled(),
            races=races,
            dropped=outcome.dropped,
        )

    def _told_once(self, failure: Failure | None, outcome: Run) -> Failure | None:
        """Return `failure`; a loss of asyncio's that the default order has, too, is a note, and told once.

        A program is right or wrong with it whatever the order, and its plain test does not fail for it.
        """
        if self._follows:
            return failure
        if self._usual_losses is None:
            lost = failure is not None and any(
                row[4] is Ellipsis and row[2] is failure.exception for row in outcome.unhandled
            )
            self._usual_losses = {failure.signature} if failure is not None and lost else set()
            if failure is not None and lost:
                failure = replace(failure, is_note=True)
        elif failure is not None and failure.signature in self._usual_losses:
            return None
        if failure is not None and failure.is_note:
            self._usual_losses.add(failure.signature)
        return failure

    def _uncontrolled(self) -> tuple[str, ...]:
        rows = self._native.take_uncontrolled()
        if not rows:
            return ()
        return tuple(f"{_UNCONTROLLED[kind]}{self._place(site)}" for kind, site in rows)

    def _place(self, site: int) -> str:
        if site < FIRST_SITE:
            return ""
        line = self._sources.line(site)
        return f" ({line.file}:{line.line})"


def taken_choices() -> tuple[Choice, ...]:
    """Return the last execution's choices against the default order."""
    from unblink import _native

    rows = _native.deviations()
    if not rows:
        return ()
    paths = task_paths()
    return tuple(
        Choice(paths[task], site, occurrence, _TARGETS[to] if to in _TARGETS else paths[to])
        for task, site, occurrence, to, _ in rows
    )


def task_paths() -> list[Path]:
    """Return the creation path of each task of the last execution."""
    from unblink import _native

    paths: list[Path] = []
    for parent, index, _, _ in _native.tasks():
        paths.append(() if parent < 0 else (*paths[parent], index))
    return paths
