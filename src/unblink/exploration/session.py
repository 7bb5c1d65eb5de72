"""Everything in place: the ground installed, the project's modules instrumented, sites named.

One session serves a whole test run or script. It is the composition root: it alone knows all rooms.
"""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import FunctionType
from typing import Any

from unblink.exploration.continuing import Continuing, Restored
from unblink.exploration.explorer import Exploration, Explorer
from unblink.exploration.findings import (
    Records,
    describe,
    finding_of_replay,
    plan_of,
    sequential_finding,
    witness_of,
)
from unblink.exploration.interrupt import interruptible
from unblink.exploration.isolation import (
    Checkpoint,
    ForkedRunner,
    can_fork,
    import_modules,
    in_child,
    threads_of_the_runner,
)
from unblink.exploration.observation import Observation
from unblink.exploration.races import findings_of
from unblink.exploration.recording import SEEN_INSIDE
from unblink.exploration.replaying import adapted, check, found_again
from unblink.exploration.replaying import plan_of as plan_of_witness
from unblink.exploration.result import Explored, Result
from unblink.exploration.runner import Interrupted, Runner
from unblink.exploration.settings import Settings
from unblink.exploration.target import Target
from unblink.exploration.unheard import collect_new, drop_garbage, heap_set_aside
from unblink.exploration.verifying import verify
from unblink.ground.control import installed
from unblink.ground.real_time import real_seconds
from unblink.ground.sources import Sources
from unblink.instrument import (
    Instrumenter,
    functions_by_namespace,
    install_hooks,
    instrument_loaded,
    instrumented_imports,
)
from unblink.instrument.methods import EFFECTS, STREAMS
from unblink.model.certificate import Certificate
from unblink.model.errors import UnblinkError
from unblink.model.finding import Finding, Verdict
from unblink.model.witness import Witness
from unblink.schedule import witness_file
from unblink.schedule.portfolio import LEARNING, Portfolio

_READ_WITHOUT_A_LOCK = re.compile(r"Event\.(is_set|set|clear)|Barrier\.\w+|Thread\.name|Condition\.(wait|notify)")
"""What of `threading` touches state that a program may read without a lock; and what reports tell of."""


def _is_seen_inside(function: FunctionType) -> bool:
    return _READ_WITHOUT_A_LOCK.fullmatch(function.__qualname__) is not None


def _replay_line(witness: Witness, replay: Callable[[str], str], folder: str | None) -> str:
    if folder is None:
        return ""
    try:
        return replay(str(witness_file.path_for(witness, folder)))
    except UnblinkError:  # it cannot be written, which the result says
        return ""


class Sites:
    """Gives out site numbers: the engine does."""

    def register_sites(self, filename: str, sites: Any) -> int:
        """Take the sites of one compiled file; return the number of the first."""
        from unblink import _native

        return int(_native.register_sites(filename, list(sites)))


class Session:
    """Open it as a context; explore within. `root` is the project, `include` packages beyond it.

    The threads that run already belong to whoever runs the tests; `within_program`, where it is opened in the midst of
    one, only this one and those that are known to.
    """

    def __init__(
        self, root: str, include: Iterable[str] = (), *, hook_module_level: bool = False, within_program: bool = False
    ) -> None:
        self.root = os.path.abspath(root)
        self._stack = ExitStack()
        self._registry = Sites()
        self.instrumenter = Instrumenter(
            self._registry, roots=[self.root], include=tuple(include), hook_module_level=hook_module_level
        )
        self.epoch_ns = (time.time_ns() // 1_000_000_000) * 1_000_000_000
        self._within_program = within_program
        self._baseline_threads = 0
        self._instrumented: set[str] = set()
        self._seen_inside: set[str] = set()

    def __enter__(self) -> Session:
        from unblink import _native

        with ExitStack() as stack:
            stack.enter_context(installed())
            _native.set_effects(
                {
                    kind: {name: (int(e.place), int(e.access)) for name, e in table.items()}
                    for kind, table in (*EFFECTS.items(), (io.IOBase, STREAMS))
                }
            )
            install_hooks(_native.HOOKS)  # for good: what was instrumented may run for as long as the process does
            stack.enter_context(instrumented_imports(self.instrumenter))
            self.sources = Sources(self.root)
            self._baseline_threads = threads_of_the_runner() if self._within_program else len(sys._current_frames())
            _native.set_baseline_threads(self._baseline_threads)
            first = _native.site_count()
            stack.callback(instrument_loaded(threading, self._registry, only=_is_seen_inside).undo)
            _native.make_synchronising(first, _native.site_count())
            self._stack = stack.pop_all()
        self.instrument_loaded_modules()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; closing twice does nothing."""
        self._stack.close()

    def instrument_loaded_modules(self) -> None:
        """Instrument what is wanted and was imported before; each module once."""
        wanted = self.instrumenter.imported_before(self._instrumented)
        functions = functions_by_namespace() if wanted else {}
        for module in wanted:
            instrument_loaded(module, self._registry, functions=functions)

    def _instrument_asyncio(self) -> None:
        """Have what asyncio's locks and queues keep seen, once they are there: reports tell of their calls."""
        for name in SEEN_INSIDE[1:]:
            module = sys.modules.get(name)
            if module is not None and name not in self._seen_inside:
                self._seen_inside.add(name)
                self._stack.callback(instrument_loaded(module, self._registry).undo)

    # ---- exploring

    def explore(
        self,
        target: Target,
        settings: Settings,
        *,
        replay: Callable[[str], str],
        folder: str | None = ".unblink",
        unseen: Sequence[str] = (),
    ) -> tuple[Result, Any]:
        """Explore `target`; return the result, and what its official execution left to report.

        `replay` makes the line to paste from a witness's path; witnesses are written into `folder`. `unseen` is what
        is known beforehand not to be controlled.

        A forked copy of the process waits beside the first execution, untouched: if executions turn out not to
        repeat in one process, the exploration is done there, each execution in a process of its own.
        """
        self._instrument_asyncio()
        with heap_set_aside(settings.budget.executions > 1):
            return self._explore(target, settings, replay, folder, unseen)

    def _explore(
        self,
        target: Target,
        settings: Settings,
        replay: Callable[[str], str],
        folder: str | None,
        unseen: Sequence[str],
    ) -> tuple[Result, Any]:
        from unblink import _native

        began = real_seconds()
        _native.set_cancelling(settings.cancels)
        _native.forget(settings.strategy in LEARNING)
        runner = Runner(target, self.sources, self.epoch_ns)
        explorer = self._explorer(runner, settings, folder)
        uncontrolled = list(unseen)
        checkpoint = None
        if not can_fork(self._baseline_threads):
            uncontrolled.append("threads that no execution controls run in this process [uncontrolled-thread]")
        elif settings.budget.executions > 1:
            checkpoint = Checkpoint(lambda modules: self._explore_afresh(modules, runner, settings, replay, folder))
        with interruptible():
            try:
                first = explorer.begin()
                shown = target.harvest()
                if first is None or first.skipped or not (first.concurrent or first.is_stuck):
                    return self._sequential(explorer.state, first, target, began, uncontrolled), shown
                if settings.budget.executions > 1:
                    collect_new()  # what the official execution left is told of it, and of nothing later
                if explorer.repeat():
                    if checkpoint is not None:
                        checkpoint.dismiss()  # while it lives, each page that an execution writes to is copied
                    explorer.search()
                elif checkpoint is not None:
                    explored = checkpoint.go()
                    return self._result(target, explored, began, uncontrolled, folder), explored.shown or shown
                else:
                    uncontrolled.append("executions that change what later executions find [not-repeatable]")
                    explorer.search()
            finally:
                if checkpoint is not None:
                    checkpoint.dismiss()
            explored = self._explored(explorer, runner, settings, replay, folder, uncontrolled)
            if explored.executions > 1 or explored.findings:
                drop_garbage()
        return self._result(target, explored, began, uncontrolled, folder), explored.shown or shown

    def _explore_afresh(
        self,
        modules: Sequence[str],
        runner: Runner,
        settings: Settings,
        replay: Callable[[str], str],
        folder: str | None,
    ) -> Explored:
        """Explore in a copy of the process in which the target has never run, its imports done.

        If two executions do the same there, it was the imports or the test runner's reporting that made the
        difference; if not, each execution gets a child of this copy.
        """
        import_modules(modules)
        chosen: Runner | ForkedRunner = ForkedRunner(runner, learns=settings.strategy in LEARNING)
        plans = Portfolio(settings.strategy, settings.seed, settings.stall_ns)
        first, again = next(plans), next(plans)
        if in_child(lambda: runner.observe(first).repeats(runner.observe(again))):
            chosen = runner
        explorer = self._explorer(chosen, settings, folder)
        explorer.begin(official=False)
        explorer.repeat()
        explorer.search()
        explored = self._explored(explorer, chosen, settings, replay, folder, ())
        return replace(explored, isolated=chosen is not runner)

    def _explorer(self, runner: Records, settings: Settings, folder: str | None) -> Explorer:
        """Return an explorer, which goes on from where an earlier search stopped if it is asked to."""
        kept = None
        if settings.continues and folder is not None:
            kept = Continuing(runner.target.name, settings, self.sources, folder).find()
        if kept is None:
            return Explorer(runner, settings)
        return Explorer(
            runner, settings, after=kept.plans, restored=Restored(kept, self.sources), earlier=kept.executions
        )

    def _keep_stand(self, name: str, explorer: Explorer, explored: Explored, settings: Settings, folder: str) -> None:
        """Leave for a later search what this one has come to; what it found must be found again."""
        continuing = Continuing(name, settings, self.sources, folder)
        state = explorer.state
        if state.failure is not None or state.interleavings is not None or settings.budget.executions == 1:
            continuing.drop()
        elif explored.findings or explored.races or explored.uncontrolled or state.cut:
            continuing.keep(0, (0, 0), proves=False)
        else:
            continuing.keep(explorer.earlier + state.executions, explorer.made, proves=True)

    def _explored(
        self,
        explorer: Explorer,
        runner: Records,
        settings: Settings,
        replay: Callable[[str], str],
        folder: str | None,
        uncontrolled: Sequence[str],
    ) -> Explored:
        state = explorer.state
        findings: list[Finding] = []
        witnesses: list[Witness] = []
        shown: Any = None
        try:
            for found in state.found:
                passing = None if found.passing is None else runner.schedule(found.passing)
                witness = witness_of(
                    found,
                    runner.target.name,
                    runner.schedule(found.steps),
                    passing,
                    seed=settings.seed,
                    epoch_ns=self.epoch_ns,
                    stall=settings.stall,
                )
                line = _replay_line(witness, replay, folder)
                findings.append(describe(found, runner, seed=settings.seed, stall_ns=settings.stall_ns, replay=line))
                witnesses.append(witness)
                if not found.is_note:
                    shown = runner.show(plan_of(found, settings.seed, settings.stall_ns))
        except Interrupted:
            state.interrupted = True
        races: tuple[Finding, ...] = ()
        if shown is None and state.races and not state.interrupted:
            races = findings_of(
                state.races.values(), runner, seed=settings.seed, stall_ns=settings.stall_ns, strict=settings.strict
            )
        explored = Explored(
            state.executions,
            state.points,
            state.tasks,
            state.failed_at,
            state.cut,
            state.interrupted,
            tuple(findings),
            tuple(witnesses),
            tuple(state.uncontrolled),
            shown,
            races=races,
            dropped=state.dropped,
            interleavings=state.interleavings,
            earlier=explorer.earlier,
        )
        if folder is not None:
            self._keep_stand(
                runner.target.name,
                explorer,
                replace(explored, uncontrolled=(*uncontrolled, *explored.uncontrolled)),
                settings,
                folder,
            )
        return explored

    def _sequential(
        self,
        state: Exploration,
        first: Observation | None,
        target: Target,
        began: float,
        uncontrolled: list[str],
    ) -> Result:
        verdict = Verdict.SEQUENTIAL
        uncontrolled = [*uncontrolled, *state.uncontrolled]
        findings: tuple[Finding, ...] = ()
        if first is not None and first.failure is not None:
            verdict = Verdict.NOTED if first.failure.is_note else Verdict.FAILED
            findings = (sequential_finding(first.failure, 1),)
        elif state.skipped:
            verdict = Verdict.SKIPPED
        return Result(
            target.name,
            verdict,
            state.executions,
            1 if verdict is Verdict.FAILED else None,
            verdict is Verdict.SEQUENTIAL and not state.interrupted and not uncontrolled,
            real_seconds() - began,
            state.points,
            max(state.tasks, 1),
            findings,
            tuple(uncontrolled),
            interrupted=state.interrupted,
        )

    def _result(
        self, target: Target, explored: Explored, began: float, uncontrolled: list[str], folder: str | None
    ) -> Result:
        path, problem, chosen = None, None, None
        for finding, witness in zip(explored.findings, explored.witnesses, strict=True):
            if folder is None:
                chosen = chosen or witness
                continue
            try:
                file = witness_file.path_for(witness, folder)
                witness_file.dump(witness, file)
            except UnblinkError as error:
                problem = error
                continue
            if path is None or not finding.is_note:
                path, chosen = str(file), witness
        uncontrolled = [*uncontrolled, *explored.uncontrolled]
        if explored.cut:
            uncontrolled = [*uncontrolled, f"{explored.cut} executions were cut at the step limit [step-limit]"]
        if explored.dropped:
            uncontrolled = [
                *uncontrolled,
                f"the race detector gave up the history of {explored.dropped} locations [history-dropped]",
            ]
        findings = (*explored.findings, *explored.races)
        failed = any(not finding.is_note for finding in findings)
        verdict = Verdict.FAILED if failed else Verdict.NOTED if findings else Verdict.PASSED
        complete = explored.interleavings is not None and not failed and not uncontrolled
        if complete and verdict is Verdict.PASSED:
            verdict = Verdict.COMPLETE
        return Result(
            target.name,
            verdict,
            explored.executions,
            explored.failed_at if failed else None,
            complete,
            real_seconds() - began,
            explored.points,
            explored.tasks,
            findings,
            tuple(uncontrolled),
            path,
            chosen,
            explored.isolated,
            explored.interrupted,
            problem,
            explored.interleavings if complete else None,
            explored.earlier,
        )

    # ---- verifying

    def verify(
        self,
        witness: Witness,
        target: Target,
        settings: Settings,
        *,
        path: str,
        replay: Callable[[str], str],
        folder: str | None = ".unblink",
    ) -> tuple[Certificate, Result, Any]:
        """See whether the bug of `witness` is fixed.

        Return the certificate, the result to show, and what the official execution left to report.
        """
        self._instrument_asyncio()
        runner = Runner(target, self.sources, round(witness.controls.epoch * 1e9), follows=True)
        apart: Runner | ForkedRunner = ForkedRunner(runner) if can_fork(self._baseline_threads) else runner
        with interruptible():
            return verify(
                witness,
                apart.observe,
                lambda failing: self.replay(failing, target),
                lambda: self.explore(target, settings, replay=replay, folder=folder),
                settings,
                path=path,
            )

    # ---- replaying

    def replay(self, witness: Witness, target: Target, *, line: str = "") -> tuple[Result, Any]:
        """Run `target` along the witness, officially; then again under the recorder, for the report.

        Raises:
            DivergenceError: the program did not follow the recording, or did not fail as it must.
        """
        began = real_seconds()
        self._instrument_asyncio()
        epoch_ns = round(witness.controls.epoch * 1e9)
        runner = Runner(target, self.sources, epoch_ns, follows=True)
        apart: Runner | ForkedRunner = ForkedRunner(runner) if can_fork(self._baseline_threads) else runner
        with interruptible():
            witness = adapted(witness, apart, lambda: found_again(witness, runner, forks=apart is not runner))
            plan = plan_of_witness(witness)
            check(witness, apart.observe(plan))  # and learn which sites race, for the report
            seen = apart.record(plan)
            passing = None
            if witness.passing is not None and apart is not runner:
                passing = apart.record(plan_of_witness(witness, witness.passing))
            shown = runner.show(plan)
        finding = finding_of_replay(witness, seen, passing, line)
        result = Result(
            target.name,
            Verdict.FAILED,
            1,
            1,
            False,
            real_seconds() - began,
            seen.observation.points,
            seen.observation.tasks,
            (finding,),
            witness_value=witness,
        )
        return result, shown
