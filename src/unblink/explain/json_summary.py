"""The machine's summary of a test, one object per test, with the fields that design section 6 fixes."""

from __future__ import annotations

import json
import math

from unblink.explain.patterns import key_line
from unblink.explain.summary import Outcome
from unblink.model.finding import Finding


def json_summary(outcome: Outcome) -> dict[str, object]:
    """Return the object of `--race-json` for one test; its texts are the program's own, unescaped."""
    return {
        "test": outcome.test,
        "verdict": str(outcome.verdict.value),
        "executions": outcome.executions,
        "failed_at": outcome.failed_at,
        "complete": outcome.complete,
        "seconds": _finite(outcome.seconds),
        "points": outcome.points,
        "findings": [_finding(finding) for finding in outcome.findings],
        "uncontrolled": [str(entry) for entry in outcome.uncontrolled],
        "witness": None if outcome.witness is None else str(outcome.witness),
    }


def json_line(outcome: Outcome) -> str:
    """Return the object as one line of ASCII, so that it can be appended to a file of lines."""
    return json.dumps(json_summary(outcome), allow_nan=False)


def _finding(finding: Finding) -> dict[str, object]:
    at = key_line(finding)
    return {
        "kind": finding.kind.value,
        "pattern": finding.pattern,
        "where": None if at is None else f"{at.file}:{at.line}",
        "needs_stall": _finite(finding.needs_stall),
        "gil": finding.gil.value,
    }


def _finite(number: float) -> float | None:
    return round(number, 6) if math.isfinite(number) else None
