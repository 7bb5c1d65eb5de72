"""What an exploration says: the fields of `result` in Python and of `--race-json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unblink.model.errors import UnblinkError
from unblink.model.finding import Finding, Verdict
from unblink.model.witness import Witness


class ExplorationFailed(AssertionError):
    """Raised by `Result.raise_if_failed`; its text is the report."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of exploring one body.

    `executions` counts every run of the body, those of minimisation too; `failed_at` is the number of the first
    failing execution, from 1; `points` the visible operations of all executions; `seconds` real time; `tasks`
    the most tasks of one execution; `uncontrolled` what could not be controlled, in words; `witness` the path
    of the witness file, where one was written; `interleavings` how many distinct ones there are, if all were run;
    `earlier` how many executions an earlier search had made, from whose end this one went on.
    """

    test: str
    verdict: Verdict
    executions: int
    failed_at: int | None
    complete: bool
    seconds: float
    points: int
    tasks: int
    findings: tuple[Finding, ...] = ()
    uncontrolled: tuple[str, ...] = ()
    witness: str | None = None
    witness_value: Witness | None = None
    isolated: bool = False
    interrupted: bool = False
    problem: UnblinkError | None = None
    interleavings: int | None = None
    earlier: int = 0

    @property
    def failure(self) -> Finding | None:
        """The first finding that fails the run, or None."""
        return next((finding for finding in self.findings if not finding.is_note), None)

    def report(self, *, width: int = 100, color: bool = False) -> str:
        """Return the findings as the terminal shows them, and the verdict."""
        from unblink.explain.summary import verdict_line
        from unblink.explain.terminal import render

        parts = [render(finding, width=width, color=color, executions=self.executions) for finding in self.findings]
        return "\n\n".join([*parts, verdict_line(self)])

    def raise_if_failed(self) -> None:
        """Raise if some schedule fails.

        Raises:
            ExplorationFailed: with the report as its text.
        """
        if self.failure is not None:
            raise ExplorationFailed("\n" + self.report())


@dataclass(frozen=True, slots=True)
class Explored:
    """What a search came to, in a form that can cross from a forked copy of the process."""

    executions: int
    points: int
    tasks: int
    failed_at: int | None
    cut: int
    interrupted: bool
    findings: tuple[Finding, ...]
    witnesses: tuple[Witness, ...]
    uncontrolled: tuple[str, ...] = ()
    shown: Any = None
    isolated: bool = False
    races: tuple[Finding, ...] = ()
    dropped: int = 0
    interleavings: int | None = None
    earlier: int = 0
