"""The table: what each strategy took, and what was published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, geometric_mean

from benchmarks.row import number
from benchmarks.sctbench.cases import RFF, SURW, Case
from benchmarks.sctbench.trials import Outcome

NAME_WIDTH, WIDTH = 20, 18


@dataclass(slots=True)
class Row:
    """One case, with the outcomes of its trials by strategy. `failed` is what a trial counts that found nothing."""

    case: Case
    failed: int
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)

    @property
    def trials(self) -> int:
        """The number of trials that have ended."""
        return sum(map(len, self.outcomes.values()))

    def mean(self, strategy: str) -> float:
        """Return the mean number of the first failing execution."""
        return fmean(outcome.failed_at or self.failed for outcome in self.outcomes[strategy])

    def found(self, strategy: str) -> int:
        """Return how many trials found the bug."""
        return sum(outcome.failed_at is not None for outcome in self.outcomes[strategy])

    def cut(self, strategy: str) -> int:
        """Return how many trials ran out of time."""
        return sum(outcome.is_cut for outcome in self.outcomes[strategy])

    @property
    def is_slow(self) -> bool:
        """Whether `auto` takes more than five executions and three times the best published figure."""
        best = self.case.best
        return best is not None and "auto" in self.outcomes and self.mean("auto") > 5 + 3 * best

    def as_text(self, strategies: Sequence[str]) -> str:
        """Return the line of the table."""
        cells = [_cell(self, strategy) for strategy in strategies]
        figures = [self.case.published.get(SURW, math.nan), self.case.published.get(RFF, math.nan)]
        best = math.nan if self.case.best is None else self.case.best
        published = [_figure(figure).rjust(8) for figure in (*figures, best)]
        return self.case.name.rpartition("/")[2].ljust(NAME_WIDTH) + "".join(cells) + "".join(published)


def heading(strategies: Sequence[str]) -> str:
    """Return the first line of the table."""
    columns = [strategy.rjust(WIDTH - 6) + " found" for strategy in strategies]
    return "case".ljust(NAME_WIDTH) + "".join(columns) + "".join(name.rjust(8) for name in ("SURW", "RFF", "best"))


def means(rows: Sequence[Row], strategies: Sequence[str]) -> list[str]:
    """Return the lines below the table: geometric means over the cases with a published figure of SURW or RFF."""
    compared = [row for row in rows if row.case.is_compared]
    if not compared:
        return []
    lines = ["Geometric means over the cases with a figure of SURW or RFF:"]
    for strategy in strategies:
        lines.append(_mean_line(strategy, [row.mean(strategy) for row in compared]))
    for name, tool in (("SURW, published", SURW), ("RFF, published", RFF)):
        figures = [(row.case.published[tool], row.failed) for row in compared if tool in row.case.published]
        lines.append(_mean_line(name, [_counted(*figure) for figure in figures]))
    lines.append(_mean_line("best published", [_counted(row.case.best, row.failed) for row in compared]))
    return lines


def legend(rows: Sequence[Row], failed: int, seconds: float) -> list[str]:
    """Return what the marks mean, and how many trials were cut."""
    cut = sum(row.cut(strategy) for row in rows for strategy in row.outcomes)
    lines = [
        f"*  auto takes more than 5 + 3 * best    !  not found in every trial; what finds nothing counts {failed:,}",
        "best is the least figure published for any tool; - is a tool that never found it",
        "in the means a published figure is at most what a trial counts that finds nothing",
    ]
    others = sorted(
        {outcome.failure for row in rows for of in row.outcomes.values() for outcome in of if outcome.is_other}
    )
    if others:
        lines.append(f"?  found what is not the bug of the case, and counts as what finds nothing: {', '.join(others)}")
    if errors := sum(bool(outcome.error) for row in rows for of in row.outcomes.values() for outcome in of):
        lines.append(f"{errors} trials could not be run, and count as those that find nothing")
    if cut:
        lines.append(f"~  {cut} trials ended at the limit of {seconds:g} seconds, and count as those that find nothing")
    return lines


def _cell(row: Row, strategy: str) -> str:
    trials, found = len(row.outcomes[strategy]), row.found(strategy)
    marks = "*" if strategy == "auto" and row.is_slow else ""
    marks += "!" if found < trials else ""
    marks += "?" if any(outcome.is_other for outcome in row.outcomes[strategy]) else ""
    marks += "~" if row.cut(strategy) else ""
    return f"{number(row.mean(strategy)):>{WIDTH - 10}}{marks:<4}{found:>3}/{trials:<2}"


def _figure(figure: float | None) -> str:
    if figure is None:
        return "-"
    return "" if math.isnan(figure) else number(figure)


def _counted(figure: float | None, failed: int) -> float:
    """Return a published figure as if its tool had had our budget."""
    return float(failed) if figure is None else min(figure, float(failed))


def _mean_line(name: str, values: Sequence[float]) -> str:
    return f"  {name:<{NAME_WIDTH}} {number(geometric_mean(values)):>7}  ({len(values)} cases)"
