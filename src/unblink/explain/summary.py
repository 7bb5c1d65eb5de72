"""One test in a few lines: the verdict, what is left unclaimed, what could not be controlled.

A verdict claims no more than was explored. The words are chosen for that: a test passes within a bound, or
every distinct interleaving was run; nothing here ever says that a program is correct.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unblink.explain.labels import place
from unblink.explain.patterns import key_line
from unblink.explain.plain_text import clip, count, neutral, seconds
from unblink.model.finding import Finding, Verdict

_LISTED = 20


class Outcome(Protocol):
    """What is known of one test after its exploration: the fields of `result` and of `--race-json`."""

    @property
    def test(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def executions(self) -> int: ...
    @property
    def failed_at(self) -> int | None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def seconds(self) -> float: ...
    @property
    def points(self) -> int: ...
    @property
    def tasks(self) -> int: ...
    @property
    def findings(self) -> Sequence[Finding]: ...
    @property
    def uncontrolled(self) -> Sequence[str]: ...
    @property
    def witness(self) -> str | None: ...


def verdict_line(outcome: Outcome) -> str:
    """Return the verdict in one line that claims no more than was explored."""
    runs = count(outcome.executions, "execution")
    earlier = getattr(outcome, "earlier", 0)
    before = f" (and {earlier} in earlier runs)" if earlier else ""
    apart = ", each in a process of its own" if getattr(outcome, "isolated", False) else ""
    ran = f"{runs}{before} of {count(outcome.tasks, 'task')}{apart}"
    match outcome.verdict:
        case Verdict.FAILED:
            at = f" in execution {outcome.failed_at} of {outcome.executions}" if outcome.failed_at else ""
            return f"failed{at}: {_first(outcome.findings, notes=False)}"
        case Verdict.NOTED:
            return f"noted: {ran}, nothing that fails within the bound; {_first(outcome.findings, notes=True)}"
        case Verdict.PASSED:
            odds = residual_odds(outcome.executions + earlier)
            return f"passed: {ran}, nothing found within the bound{odds}; not a proof"
        case Verdict.COMPLETE:
            space = "every distinct interleaving of the instrumented code was run"
            return f"complete: {space} ({_distinct(outcome)}{ran}), nothing found"
        case Verdict.SEQUENTIAL if outcome.uncontrolled:
            return f"passed: {runs} of one task; what could not be controlled was not explored"
        case Verdict.SEQUENTIAL:
            return f"passed: {runs}, one task only: nothing to interleave"
        case Verdict.UNCONTROLLED:
            why = _listed(outcome.uncontrolled) or "what it does could not be controlled"
            return f"uncontrolled: nothing is claimed; {why}"
        case _:
            return "skipped: not explored"


def summary_line(outcome: Outcome, *, width: int = 100) -> str:
    """Return the test's name and its verdict in one line."""
    name = neutral(outcome.test, 200)
    return clip(f"{name}: {verdict_line(outcome)} ({seconds(round(outcome.seconds, 2))})", max(width, 40))


def residual_lines(outcome: Outcome, *, stall: float = 1.0) -> list[str]:
    """Return what the verdict does not claim. `stall` is the bound on virtual time held back, in seconds."""
    if outcome.verdict in (Verdict.SKIPPED, Verdict.UNCONTROLLED):
        return ["not explored: every interleaving of this test"]
    if outcome.verdict is Verdict.SEQUENTIAL:
        return []
    lines = []
    if not outcome.complete:
        lines.append(f"not explored: interleavings beyond the {count(outcome.executions, 'execution')} that were run")
    lines.append(f"not explored: tasks held back for more than {seconds(stall)} in all")
    if outcome.uncontrolled:
        lines.append("not explored: what the uncontrolled parts do meanwhile")
    return lines


def uncontrolled_lines(uncontrolled: Sequence[str]) -> list[str]:
    """Return what could not be controlled, each thing once with how often it was met."""
    counts: dict[str, int] = {}
    for entry in uncontrolled:
        text = neutral(entry, 160)
        counts[text] = counts.get(text, 0) + 1
    lines = [f"not controlled: {text}" + (f" ({times} times)" if times > 1 else "") for text, times in counts.items()]
    rest = len(lines) - _LISTED
    return lines if rest <= 0 else [*lines[:_LISTED], f"not controlled: … {rest} more"]


def residual_odds(executions: int) -> str:
    """Return the bound on how often executions as these fail: the rule of three, from none in so many."""
    return f" (0 of {executions}: p < {3 / executions:.1e} at 95 %)" if executions >= 30 else ""


def _distinct(outcome: Outcome) -> str:
    number = getattr(outcome, "interleavings", None)
    return "" if number is None else f"{number} in "


def _first(findings: Sequence[Finding], *, notes: bool) -> str:
    wanted = [finding for finding in findings if finding.is_note is notes] or list(findings)
    if not wanted:
        return "no finding is kept"
    at = key_line(wanted[0])
    more = f" and {count(len(wanted) - 1, 'more finding')}" if len(wanted) > 1 else ""
    title = neutral(wanted[0].title or wanted[0].message or wanted[0].kind, 120)
    return title + (f" at {place(at)}" if at else "") + more


def _listed(uncontrolled: Sequence[str]) -> str:
    shown = ", ".join(neutral(entry, 200) for entry in list(uncontrolled)[:3])
    return shown + (f" and {len(uncontrolled) - 3} more" if len(uncontrolled) > 3 else "")
