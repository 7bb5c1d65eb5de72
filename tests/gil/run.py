"""The GIL's label against experiment: what cannot happen does not in a million tries, and what can happen does.

    python -m tests.gil.run [--tries N] [--programs NAME ...]

Each of `programs` is labelled by unblink in one process, and run in another one, which knows nothing of unblink, on
plain real threads whose switches are forced as CPython allows them (see `threads`). Exits with 1 if a label and the
experiment disagree.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .programs import PROGRAMS, Ends

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(os.environ.get("UNBLINK_SOURCES") or ROOT / "src")  # used if it was built in place
TRIES = 1_000_000
CAN_HAPPEN = "can happen with the GIL"
ONLY_FREE_THREADED = "only on a free-threaded build"
UNKNOWN = "unknown"
SHORT = {CAN_HAPPEN: "can happen", ONLY_FREE_THREADED: "free-threaded", UNKNOWN: "not known", None: "-"}


@dataclass(frozen=True, slots=True)
class Row:
    """A program with its two labels and what became of it on real threads."""

    name: str
    race: str | None
    failure: str | None
    tries: int
    broken: int
    first_at: int | None
    switches: int
    seconds: float

    def problems(self) -> Iterator[str]:
        """Yield how the labels disagree with the experiment, and the experiment with what is known of the program."""
        made = PROGRAMS[self.name]
        for what, label in (("race", self.race), ("failure", self.failure)):
            if label == ONLY_FREE_THREADED and self.broken:
                yield f"the {what} is said to need a free-threaded build"
            if label == CAN_HAPPEN and not self.broken:
                yield f"the {what} is said to happen with the GIL"
            if made.is_told and label in (UNKNOWN, None):
                yield f"the {what} has no label"
        if (made.ends is Ends.LOST) != bool(self.broken):
            yield f"it should be {made.ends.value}"


def rows(names: Sequence[str], tries: int) -> list[Row]:
    """Label and try the programs."""
    labels, trials = told("labels", names), told("threads", [*names, "--tries", str(tries)])
    return [
        Row(**label, **{k: v for k, v in trial.items() if k != "name"})
        for label, trial in zip(labels, trials, strict=True)
    ]


def told(module: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run one of the modules beside this one in a new process and return what it prints."""
    own = dict(os.environ)
    if any((SOURCES / "unblink").glob("_native*.so")):
        own["PYTHONPATH"] = str(SOURCES)
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.gil.{module}", *arguments],
        cwd=ROOT, env=own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode or ended.stderr:
        raise RuntimeError(f"{module}: exit status {ended.returncode}\n{ended.stdout[-2000:]}{ended.stderr[-3000:]}")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def show(found: Sequence[Row]) -> bool:
    """Print the table; return whether all agree."""
    print(
        f"{'program':42} {'race':14} {'failure':14} {'tries':>8} {'broken':>7} {'first at':>8} {'switches':>8} {'s':>5}"
    )
    for row in found:
        print(
            f"{row.name:42} {SHORT[row.race]:14} {SHORT[row.failure]:14} {row.tries:8} {row.broken:7} "
            f"{row.first_at or '-':>8} {row.switches:8} {row.seconds:5.1f}"
        )
        for problem in row.problems():
            print(f"    disagrees: {problem}")
    wrong = sum(any(row.problems()) for row in found)
    counts = [sum(row.race == label for row in found) for label in (CAN_HAPPEN, ONLY_FREE_THREADED)]
    print(f"{len(found)} programs, {counts[0]} can happen, {counts[1]} need a free-threaded build; {wrong} disagree")
    return bool(found) and not wrong


def main(arguments: list[str]) -> int:
    """Label, try, compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.gil.run", description=__doc__.split("\n")[0])
    parser.add_argument("--tries", type=int, default=TRIES, help="of each program that does not break")
    parser.add_argument("--programs", nargs="+", default=list(PROGRAMS), metavar="NAME")
    options = parser.parse_args(arguments)
    return 0 if show(rows(options.programs, options.tries)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
