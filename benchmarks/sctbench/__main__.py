"""`python -m benchmarks.sctbench [--seeds N] [--strategies a,b] [--cases a,b] [--budget 10000x] [--json FILE]`.

For each case, strategy and seed one exploration, in a forked child; the table says how many executions it took to
the first failing one, in the mean. A trial that finds nothing counts as many as its budget has.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.sctbench.cases import Case, all_cases, chosen
from benchmarks.sctbench.table import Row, heading, legend, means
from benchmarks.sctbench.trials import Outcome, Trial, run_all

STRATEGIES = ("auto", "random", "pct", "pos")
MOST_PROCESSES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print the table; 1 if a trial could not be run."""
    options = _options(arguments)
    strategies: list[str] = options.strategies
    rows = [Row(case, options.budget, {strategy: [] for strategy in strategies}) for case in options.cases]
    row_of = {row.case: row for row in rows}
    trials = [
        Trial(row.case, strategy, seed, options.budget, options.limit)
        for row in rows
        for strategy in strategies
        for seed in range(options.seeds)
    ]
    ended: dict[Trial, Outcome] = {}
    unshown = list(rows)
    print(heading(strategies), flush=True)
    for trial, outcome in run_all(trials, options.processes):
        ended[trial] = outcome
        row_of[trial.case].outcomes[trial.strategy].append(outcome)
        if outcome.error:
            print(f"{trial.case.name}, {trial.strategy}, seed {trial.seed}: {outcome.error}", file=sys.stderr)
        while unshown and unshown[0].trials == len(strategies) * options.seeds:
            print(unshown.pop(0).as_text(strategies), flush=True)
    shown = [*means(rows, strategies), "", *legend(rows, options.budget, options.limit)]
    print("\n" + "\n".join(shown))
    if options.json:
        _write(options.json, ended)
    return int(any(outcome.error for outcome in ended.values()))


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sctbench", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="seeds 0 to N - 1; 20 by default")
    parser.add_argument("--strategies", type=_names, default=list(STRATEGIES), metavar="A,B", help="all by default")
    parser.add_argument("--cases", type=_cases, default=all_cases(), metavar="A,B", help="all by default")
    parser.add_argument("--budget", type=_executions, default=10_000, metavar="10000x", help="of each trial")
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="of each trial; 60 by default")
    parser.add_argument("--processes", type=int, default=1, choices=range(1, MOST_PROCESSES + 1), help="at a time")
    parser.add_argument("--json", metavar="FILE", help="write each trial as JSON too")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    return text.split(",")


def _cases(names: str) -> list[Case]:
    try:
        return chosen(names)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _executions(text: str) -> int:
    return int(text.removesuffix("x"))


def _write(path: str, ended: Mapping[Trial, Outcome]) -> None:
    rows = [
        {
            "case": trial.case.name,
            "strategy": trial.strategy,
            "seed": trial.seed,
            "failed_at": outcome.failed_at,
            "executions": outcome.executions,
            "seconds": round(outcome.seconds, 3),
            "failure": outcome.failure,
            "other": outcome.is_other,
            "cut": outcome.is_cut,
            "error": outcome.error,
        }
        for trial, outcome in ended.items()
    ]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
