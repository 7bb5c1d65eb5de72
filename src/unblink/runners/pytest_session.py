"""What `pytest --race` does: each test is run under control once, and explored if two tasks met in it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from unblink.explain.certificate_text import certificate_lines
from unblink.explain.json_summary import json_summary
from unblink.explain.summary import summary_line, uncontrolled_lines
from unblink.explain.terminal import render
from unblink.exploration.interrupt import was_pressed
from unblink.exploration.result import Result
from unblink.exploration.runner import LoopRefused
from unblink.exploration.session import Session
from unblink.exploration.settings import (
    Budget,
    Settings,
    parse_budget,
    parse_seed,
    parse_stall,
    parse_strategy,
)
from unblink.exploration.verifying import write
from unblink.ground.real_time import real_seconds
from unblink.model.errors import UnblinkError, UsageError
from unblink.model.finding import Finding, Kind, Verdict
from unblink.model.witness import Witness
from unblink.runners.pytest_item import ItemRun, is_explorable, received
from unblink.runners.pytest_timeouts import Timeouts
from unblink.schedule import witness_file

FOLDER = ".unblink"
SESSION = pytest.StashKey[Session]()


def opened_session(config: pytest.Config, options: Any) -> Session:
    """Return the session of a test run, opened once and closed with it; `options` are pytest's, as far as known.

    Raises:
        pytest.UsageError: this Python cannot be controlled.
    """
    session = config.stash.get(SESSION, None)
    if session is None:
        session = Session(str(config.rootpath), [*config.getini("race_include"), *options.race_include])
        try:
            session.__enter__()
        except UnblinkError as problem:
            raise _refusal(str(problem)) from None
        config.stash[SESSION] = session
        config.add_cleanup(session.close)
    return session


_refusal = pytest.UsageError  # pytest's own: it prints the text and exits with 4


def _tell_real_time(reports: list[pytest.TestReport], seconds: float) -> None:
    """Have the test's own phase last for as long as the whole exploration took: its clock was virtual."""
    call = next((report for report in reports if report.when == "call"), reports[-1])
    for report in reports:
        report.duration = seconds if report is call else 0.0


def watch_outside_of_capture(config: pytest.Config) -> None:
    """Have the watch write where a person sees it: pytest captures nothing while it is configured."""
    from unblink import _native

    outside = os.dup(2)
    _native.set_watch_fd(outside)

    def give_back() -> None:
        _native.set_watch_fd(2)
        os.close(outside)

    config.add_cleanup(give_back)


class RacePlugin:
    """Registered for one test run. `settings` are the run's; a test's marker may change them for itself."""

    def __init__(self, config: pytest.Config, settings: Settings, session: Session, witness: Witness | None) -> None:
        self._config = config
        self._settings = settings
        self._witness = witness
        self._verifies = config.getoption("race_verify") is not None
        self._witness_path = config.getoption("race_verify") or config.getoption("race_replay")
        self._session = session
        self._current: ItemRun | None = None
        self._summaries: list[dict[str, Any]] = []
        self._lines: list[str] = []
        self._json = config.getoption("race_json")
        self._timeouts = Timeouts()
        config.pluginmanager.register(self._timeouts, "unblink-race-timeouts")

    @classmethod
    def configured(cls, config: pytest.Config) -> RacePlugin:
        """Return the plugin for `config`, everything in place.

        Raises:
            pytest.UsageError: an option has no meaning, or this Python cannot be controlled.
        """

        def option(name: str, otherwise: object) -> Any:
            given = config.getoption(name)
            return given if given is not None else config.getini(name) or otherwise

        try:
            settings = Settings(
                parse_budget(option("race_budget", Budget())),
                parse_strategy(option("race_strategy", "auto")),
                parse_seed(option("race_seed", 0)),
                parse_stall(option("race_stall", 1.0)),
                bool(config.getoption("race_strict") or config.getini("race_strict")),
                config.getoption("race_continue"),
                bool(config.getoption("race_cancel") or config.getini("race_cancel")),
            )
            path = config.getoption("race_verify") or config.getoption("race_replay")
            witness = None if path is None else witness_file.load(path)
        except UnblinkError as problem:
            raise _refusal(str(problem)) from None
        return cls(config, settings, opened_session(config, config.option), witness)

    def pytest_unconfigure(self) -> None:
        """Give everything back."""
        self._session.close()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """With a witness, leave out every test but the one that it is of."""
        others = [] if self._witness is None else [item for item in items if item.nodeid != self._witness.target]
        if others and len(others) < len(items):
            items[:] = [item for item in items if item not in others]
            config.hook.pytest_deselected(items=others)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Instrument what collection imported by ways of its own; see that the witness's test is there."""
        self._session.instrument_loaded_modules()
        witness = self._witness
        if witness is not None and all(item.nodeid != witness.target for item in session.items):
            problem = UsageError(
                "no-target",
                f"the witness is of {witness.target}, which is not among the tests collected",
                f"run: pytest {witness.target} --race-{'verify' if self._verifies else 'replay'}={self._witness_path}",
            )
            raise _refusal(str(problem))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run one test under control."""
        if self._witness is not None and item.nodeid != self._witness.target:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports_of(item, nextitem):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Remember what left a phase of the test that runs."""
        if self._current is not None and self._current.item is item and call.excinfo is not None:
            self._current.exceptions.append(call.excinfo.value)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what was found of each test, from this process or from a worker."""
        summary = getattr(report, "unblink", None)
        if summary is not None:
            self._summaries.append(summary)
            self._lines.extend(getattr(report, "unblink_lines", ()))

    def pytest_sessionfinish(self) -> None:
        """Write the machine's summary."""
        if self._json is not None and not hasattr(self._config, "workerinput"):
            temporary = Path(f"{self._json}.{os.getpid()}.tmp")
            temporary.write_text(json.dumps(self._summaries, indent=1) + "\n", encoding="utf-8")
            temporary.replace(self._json)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Tell what was explored."""
        explored = [s for s in self._summaries if s["verdict"] not in ("sequential", "skipped", "uncontrolled")]
        executions = sum(s["executions"] for s in self._summaries)
        terminalreporter.section("race", sep="-")
        for line in self._lines:
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"{len(self._summaries)} tests under control, {len(explored)} concurrent; {executions} executions; "
            f"budget {self._settings.budget} a test, seed {self._settings.seed}"
        )

    # ---- one test

    def _reports_of(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        marker = item.get_closest_marker("race")
        if marker is not None and marker.kwargs.get("skip"):
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            self._attach(reports, self._unexplored(item), [f"{item.nodeid}: not explored: {marker.kwargs['skip']}"])
            return reports
        once = is_explorable(item)
        if once == "skipped":
            return runtestprotocol(item, log=False, nextitem=nextitem)
        run = ItemRun(item, self._timeouts)
        self._current = run
        began = real_seconds()
        try:
            run.capture()
            run.set_up_wider()
            reports, result = self._explored(run, self._settings_of(item, marker, once))
            late = run.tear_down_wider(nextitem)
        finally:
            self._current = None
            run.end_capture()
        _tell_real_time(reports, real_seconds() - began)
        if late is not None:
            for name in ("unblink", "unblink_lines"):
                setattr(late, name, getattr(reports[-1], name, None))
            reports = [*reports[:-1], late]
        if result is not None and (result.interrupted or was_pressed()):
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            raise KeyboardInterrupt
        return reports

    def _settings_of(self, item: pytest.Item, marker: pytest.Mark | None, once: str | None) -> Settings:
        settings = self._settings
        asked = {} if marker is None else marker.kwargs
        unknown = sorted(set(asked) - {"budget", "strict", "stall", "skip"})
        if unknown:
            raise _refusal(f"{item.nodeid}: the race marker takes no {unknown[0]!r} [bad-marker]")
        try:
            if "budget" in asked:
                settings = replace(settings, budget=parse_budget(asked["budget"]))
            if "stall" in asked:
                settings = replace(settings, stall=parse_stall(asked["stall"]))
        except UnblinkError as problem:
            raise _refusal(f"{item.nodeid}: {problem}") from None
        if "strict" in asked:
            settings = replace(settings, strict=bool(asked["strict"]))
        if once is not None:
            settings = replace(settings, budget=Budget(1))
        return settings

    def _explored(self, run: ItemRun, settings: Settings) -> tuple[list[pytest.TestReport], Result | None]:
        item = run.item
        refused: LoopRefused | None = None
        try:
            if self._witness is not None:
                return self._followed(run, self._witness, settings)
            result, shown = self._session.explore(
                run.target(),
                settings,
                replay=lambda path: f"pytest {item.nodeid} --race-replay={path}",
                folder=FOLDER,
            )
        except LoopRefused as problem:
            refused = problem.with_traceback(None)  # which holds what was going on
            refused.__context__ = None
        except UnblinkError as problem:
            return [self._problem_report(item, problem)], None
        if refused is not None:
            return self._plainly(run, refused)
        reports = received(self._config, shown)
        if not reports:
            reports = [self._plain_report(item)]
        self._tell(reports, result, settings)
        return reports, result

    def _plainly(self, run: ItemRun, refused: LoopRefused) -> tuple[list[pytest.TestReport], Result]:
        """Run a test that cannot be controlled as pytest does: its outcome counts, and nothing is claimed."""
        began = real_seconds()
        reports = run.reports if refused.went_on else []
        reports = reports or run.plainly()
        seconds = real_seconds() - began
        why = f"{refused.message} [{refused.slug}]"
        result = Result(run.item.nodeid, Verdict.UNCONTROLLED, 0, None, False, seconds, 0, 0, (), (why,))
        self._attach(
            reports,
            json_summary(result),
            [summary_line(result, width=400), f"  next: {refused.next_step}"],
        )
        return reports, result

    def _followed(
        self, run: ItemRun, witness: Witness, settings: Settings
    ) -> tuple[list[pytest.TestReport], Result | None]:
        if not self._verifies:
            return self._replayed(run, witness)
        certificate, result, shown = self._session.verify(
            witness,
            run.target(),
            settings,
            path=str(self._witness_path),
            replay=lambda path: f"pytest {run.item.nodeid} --race-replay={path}",
            folder=FOLDER,
        )
        kept = write(certificate, FOLDER, str(self._witness_path))
        reports = received(self._config, shown) or [self._plain_report(run.item)]
        self._tell(reports, result, settings)
        reports[-1].unblink_lines += certificate_lines(certificate, path=kept)  # type: ignore[attr-defined]
        return reports, result

    def _replayed(self, run: ItemRun, witness: Witness) -> tuple[list[pytest.TestReport], Result | None]:
        line = f"pytest {run.item.nodeid} --race-replay={self._witness_path}"
        result, shown = self._session.replay(witness, run.target(), line=line)
        reports = received(self._config, shown)
        self._tell(reports, result, self._settings)
        return reports, result

    def _tell(self, reports: list[pytest.TestReport], result: Result, settings: Settings) -> None:
        failure = result.failure
        if failure is None and settings.strict and result.findings:
            failure = result.findings[0]
        lines = []
        if failure is not None and result.verdict is not Verdict.SEQUENTIAL:
            self._show_failure(reports, failure, result)
        for finding in result.findings:
            if finding.is_note and finding is not failure:
                lines.extend(["", render(finding, executions=result.executions), ""])
        if result.tasks > 1 or result.uncontrolled:
            lines.append(summary_line(result, width=240))
            lines.extend(uncontrolled_lines(result.uncontrolled))
        if result.problem is not None:
            lines.append(str(result.problem))
        self._attach(reports, json_summary(result), lines)

    def _show_failure(self, reports: list[pytest.TestReport], finding: Finding, result: Result) -> None:
        call = next((r for r in reports if r.when == "call"), reports[-1])
        failed = next((r for r in reports if r.failed), None)
        if any(hasattr(r, "wasxfail") for r in reports):
            return  # it was expected to fail, and pytest's own word stands
        sequential = not finding.events and not finding.waiting
        if failed is not None and finding.kind in (Kind.FAILURE, Kind.INVARIANT):
            if not sequential:
                text = render(finding, executions=result.executions, traceback=False)
                failed.sections.insert(0, ("race", text))
            return
        shown = failed or call
        shown.outcome = "failed"
        shown.longrepr = render(finding, executions=result.executions)

    def _attach(self, reports: list[pytest.TestReport], summary: dict[str, Any], lines: list[str]) -> None:
        reports[-1].unblink = summary  # type: ignore[attr-defined]
        reports[-1].unblink_lines = lines  # type: ignore[attr-defined]

    def _unexplored(self, item: pytest.Item) -> dict[str, Any]:
        return json_summary(Result(item.nodeid, Verdict.SKIPPED, 0, None, False, 0.0, 0, 0))

    def _problem_report(self, item: pytest.Item, problem: UnblinkError) -> pytest.TestReport:
        return self._made_report(item, "failed", str(problem))

    def _plain_report(self, item: pytest.Item) -> pytest.TestReport:
        return self._made_report(item, "failed", "the test left no report: it ended its process [internal-error]")

    def _made_report(self, item: pytest.Item, outcome: Any, text: str) -> pytest.TestReport:
        now = time.time()
        return pytest.TestReport(
            item.nodeid,
            item.location,
            dict.fromkeys(item.keywords, 1),
            outcome,
            text,
            "call",
            start=now,
            stop=now,
        )
