"""Runs `pytest --race` on one file in a process of its own and prints what came of it as a line of JSON."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

import pytest


class Collector:
    """Takes the race reports out of pytest's own."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.lines: list[str] = []
        self.failed = 0
        self.passed = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what a test's reports say of races."""
        self.lines.extend(getattr(report, "unblink_lines", None) or ())
        self.failed += report.failed
        self.passed += report.when == "call" and report.passed
        texts = [text for title, text in report.sections if title == "race"]
        if report.failed:
            self.reports.extend(texts or [report.longreprtext])


def main(path: str) -> None:
    """Run the tests of one file."""
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["--race", "-q", "-p", "no:cacheprovider", path], plugins=[collector])
    print(json.dumps(vars(collector)))


if __name__ == "__main__":
    main(sys.argv[1])
