"""What came of one test: the same few words for a plain run and for a controlled one."""

from __future__ import annotations

import json
import os
import unittest
from dataclasses import asdict, dataclass

PASSED = "passed"
FAILED = "failed"
SKIPPED = "skipped"
HUNG = "hung"
CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test under one schedule. `detail` is a traceback or what the process said before it went."""

    verdict: str
    detail: str = ""
    ending: str = ""
    tasks: int = 0
    left: str = ""
    children: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def outcome_from_json(text: str) -> Outcome:
    """Return the outcome that `to_json` wrote."""
    return Outcome(**json.loads(text))


def verdict_of(result: unittest.TestResult) -> tuple[str, str]:
    """Return the verdict of a test that ran into `result`, and the tracebacks of what went wrong."""
    wrong = [text for _, text in (*result.errors, *result.failures)]
    if wrong or result.unexpectedSuccesses:
        return FAILED, (os.linesep * 2).join(wrong) or "unexpected success"
    if result.skipped:
        return SKIPPED, result.skipped[0][1]
    return (PASSED, "") if result.testsRun else (FAILED, "no test ran")
