"""A pytest plugin that writes down the outcome of each phase of each test; and one way to run: instrumented only.

Environment: `UNBLINK_OUTCOMES` names the file (a JSON object a line); `UNBLINK_INSTRUMENT_ONLY=1` instruments the
project and lets it run as it is, with nothing under control. `UNBLINK_ONLY_FILE` names a file with the node ids to
run.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

OUTCOMES = os.environ.get("UNBLINK_OUTCOMES", "")
_session: Any = None
_began = 0.0


def outcome_of(report: pytest.TestReport) -> str:
    """Return the outcome as pytest counts it, with its two for tests that are expected to fail."""
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return str(report.outcome)


def reason_of(report: pytest.TestReport) -> str:
    """Return the last line of what a test that did not pass says."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)[:300]
    return "" if report.passed else str(report.longrepr)[-300:]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Instrument, if that is asked for."""
    global _session, _began
    _began = time.perf_counter()
    if os.environ.get("UNBLINK_INSTRUMENT_ONLY"):
        from unblink.exploration.session import Session

        _session = Session(str(early_config.rootpath))
        _session.__enter__()


def pytest_unconfigure() -> None:
    """Give back what was taken."""
    if _session is not None:
        _session.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the chosen tests only."""
    chosen = os.environ.get("UNBLINK_ONLY_FILE")
    if chosen:
        with open(chosen, encoding="utf-8") as file:
            wanted = set(json.load(file))
        items[:] = [item for item in items if item.nodeid in wanted]


def pytest_collection_finish() -> None:
    """Instrument what collection imported by ways of its own."""
    if _session is not None:
        _session.instrument_loaded_modules()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write one phase down."""
    _write([report.nodeid, report.when, outcome_of(report), reason_of(report)])


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write down what could not be collected."""
    if not report.passed:
        _write([report.nodeid or "(session)", "collect", report.outcome, str(report.longrepr)[-300:]])


def pytest_sessionfinish(exitstatus: int) -> None:
    """Write down that the run came to its end."""
    _write(["(end)", "session", str(int(exitstatus)), f"{time.perf_counter() - _began:.3f}"])


def _write(row: list[Any]) -> None:
    if OUTCOMES:
        with open(OUTCOMES, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
