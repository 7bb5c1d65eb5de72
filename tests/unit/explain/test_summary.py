from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from short_events import at, finding

from unblink.explain.json_summary import json_line, json_summary
from unblink.explain.summary import Outcome, residual_lines, summary_line, uncontrolled_lines, verdict_line
from unblink.model.finding import Finding, Gil, Kind, Verdict


@dataclass
class Result:
    test: str = "test_a.py::test_b"
    verdict: Verdict = Verdict.PASSED
    executions: int = 1000
    failed_at: int | None = None
    complete: bool = False
    seconds: float = 0.25
    points: int = 4000
    tasks: int = 2
    findings: list[Finding] = field(default_factory=list)
    uncontrolled: list[str] = field(default_factory=list)
    witness: str | None = None


def checked(outcome: Outcome) -> Outcome:
    return outcome


def test_a_pass_claims_no_more_than_was_explored() -> None:
    assert verdict_line(checked(Result())) == (
        "passed: 1000 executions of 2 tasks, nothing found within the bound (0 of 1000: p < 3.0e-03 at 95 %); not a proof"
    )


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_verdict_says_that_a_program_holds_or_is_correct(verdict: Verdict) -> None:
    outcome = Result(verdict=verdict, uncontrolled=["process: os.fork"], findings=[finding(())])
    text = " ".join([verdict_line(outcome), summary_line(outcome), *residual_lines(outcome)]).lower()
    assert not {"holds", "correct", "proved", "safe", "no bugs"} & {word for word in text.replace(",", " ").split()}


def test_a_failure_names_its_execution_its_title_and_its_line() -> None:
    found = Finding(Kind.FAILURE, "lost update of C.n", "lost update", at(13))
    line = verdict_line(Result(verdict=Verdict.FAILED, failed_at=7, executions=9, findings=[found]))
    assert line == "failed in execution 7 of 9: lost update of C.n at a.py:13"


def test_a_failure_without_findings_is_still_told() -> None:
    assert "no finding is kept" in verdict_line(Result(verdict=Verdict.FAILED))


def test_what_was_not_controlled_is_listed_once_with_its_count() -> None:
    assert uncontrolled_lines(["a", "b", "a"]) == ["not controlled: a (2 times)", "not controlled: b"]
    assert uncontrolled_lines([str(n) for n in range(50)])[-1] == "not controlled: … 30 more"


def test_a_complete_search_still_names_its_stall_bound() -> None:
    lines = residual_lines(Result(verdict=Verdict.COMPLETE, complete=True), stall=2)
    assert lines == ["not explored: tasks held back for more than 2 s in all"]


def test_the_json_object_has_exactly_the_public_fields() -> None:
    found = Finding(Kind.DEADLOCK, "t", "lock-order inversion", at(5), needs_stall=0.5, gil=Gil.CAN_HAPPEN)
    outcome = Result(
        verdict=Verdict.FAILED, failed_at=3, findings=[found], witness=".unblink/a.json", uncontrolled=["x"]
    )
    assert json_summary(outcome) == {
        "test": "test_a.py::test_b",
        "verdict": "failed",
        "executions": 1000,
        "failed_at": 3,
        "complete": False,
        "seconds": 0.25,
        "points": 4000,
        "findings": [
            {
                "kind": "deadlock",
                "pattern": "lock-order inversion",
                "where": "a.py:5",
                "needs_stall": 0.5,
                "gil": "can happen with the GIL",
            }
        ],
        "uncontrolled": ["x"],
        "witness": ".unblink/a.json",
    }


def test_a_json_line_is_one_line_of_ascii_whatever_it_holds() -> None:
    outcome = Result(test="t\n\ud800é", seconds=float("nan"))
    line = json_line(outcome)
    assert line.isascii() and "\n" not in line
    assert json.loads(line)["seconds"] is None
