"""Finds the bugs of tests/bugs, then replays each witness many times, in many ways.

    python -m tests.replay.run [--times N] [--pythons A,B,...] [--find-on P] [--cases a,b] [--fresh N] [--seeds N ...]

A replay counts when the test fails with the same kind, pattern and exception as it was found with. The bulk of them
are forks of fresh processes that never ran a test, one process for each Python and `PYTHONHASHSEED` (this is said as
*forked*); `--fresh` many of each witness are whole new processes, `pytest` from its start (*fresh*). They are divided
among the Pythons and among the edits of `edits.py`. The exit status is 1 when one did not count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.replay.edits import EDITS
from tests.replay.projects import ROOT, Case, cases

SOURCES = Path(os.environ.get("UNBLINK_SOURCES") or ROOT / "src")
REPLAYER = Path(__file__).with_name("replayer.py")
MOST_PREEMPTIONS = 3
LOADED = ("-p", "no:unblink", "-p", "unblink_pytest")  # also where a distribution of unblink is installed


@dataclass(slots=True)
class Witnessed:
    """A finding, its witness, and what came of its replays. `ways` counts successes and tries by way."""

    case: Case
    test: str
    witness: Path
    finding: dict[str, Any]
    preemptions: int
    good: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tried: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    wrong: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def take(self, way: tuple[str, str, str], answer: list[Any]) -> None:
        """Count one replay."""
        self.tried[way] += 1
        problem = self.problem(answer)
        if problem is None:
            self.good[way] += 1
        else:
            self.wrong.setdefault(way, problem)

    def problem(self, answer: list[Any]) -> str | None:
        """Return why a replay does not count, or None."""
        status, summaries = answer
        if status != 1 or len(summaries) != 1 or not isinstance(summaries[0], dict):
            return f"exit status {status}, {str(summaries)[:500]}"
        found = summaries[0]["findings"]
        if summaries[0]["verdict"] != "failed" or not found:
            return f"verdict {summaries[0]['verdict']}"
        same = [key for key in ("kind", "pattern") if found[0][key] != self.finding[key]]
        return ", ".join(f"{key} {found[0][key]!r}, not {self.finding[key]!r}" for key in same) or None


def environment(hash_seed: int) -> dict[str, str]:
    """Return the variables of a process under test."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return own | {"PYTHONPATH": str(SOURCES), "PYTHONHASHSEED": str(hash_seed)}


def find(case: Case, folder: Path, python: str, seed: int) -> list[Witnessed]:
    """Explore one case with the defaults and return its witnesses."""
    summary = folder / "found.json"
    subprocess.run(
        [python, "-m", "pytest", case.test_file, "-q", "-p", "no:cacheprovider", *LOADED, "--race",
         "--race-seed", str(seed), "--race-json", str(summary)],
        cwd=folder, env=environment(0), capture_output=True, check=False,
    )  # fmt: skip
    found = []
    for one in json.loads(summary.read_text(encoding="utf-8")):
        if one["witness"] is not None:
            path = folder / one["witness"]
            preemptions = len(json.loads(path.read_text(encoding="utf-8"))["schedule"])
            chosen = one["findings"][-1] if one["verdict"] == "failed" else one["findings"][0]
            found.append(Witnessed(case, one["test"], path, chosen, preemptions))
    return found


def replay_fresh(python: str, folder: Path, one: Witnessed, hash_seed: int) -> list[Any]:
    """Replay in a whole new process."""
    summary = folder / f"replayed-{hash_seed}.json"
    ended = subprocess.run(
        [python, "-m", "pytest", one.test, "-q", "-p", "no:cacheprovider", *LOADED,
         "--race-replay", str(one.witness), "--race-json", str(summary)],
        cwd=folder, env=environment(hash_seed), capture_output=True, text=True, check=False,
    )  # fmt: skip
    summaries = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else []
    summary.unlink(missing_ok=True)
    return [ended.returncode, summaries or [ended.stdout[-900:] + ended.stderr[-300:]]]


def replay_forked(
    python: str, hash_seed: int, jobs: list[tuple[Path, Witnessed, str, int]]
) -> list[tuple[Witnessed, tuple[str, str, str], list[Any]]]:
    """Start one process and have it answer all jobs; return each answer with its way."""
    lines = [json.dumps([str(folder), one.test, str(one.witness), times]) for folder, one, _, times in jobs]
    ended = subprocess.run(
        [python, str(REPLAYER)], input="\n".join(lines) + "\n", env=environment(hash_seed), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    answers = ended.stdout.splitlines()
    if len(answers) != len(jobs):
        raise RuntimeError(f"{python}: {len(answers)} answers to {len(jobs)} jobs\n{ended.stderr[-2000:]}")
    found = []
    for (_, one, edit, _), line in zip(jobs, answers, strict=True):
        found += [(one, (Path(python).parts[-3], edit, "forked"), answer) for answer in json.loads(line)]
    return found


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.run", description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=1000, help="replays of each witness, all ways together")
    parser.add_argument("--fresh", type=int, default=9, help="of these, in whole new processes")
    parser.add_argument("--pythons", default=sys.executable, help="interpreters, with commas between")
    parser.add_argument(
        "--find-on", default="", help="the interpreter that explores; the first of --pythons by default"
    )
    parser.add_argument("--cases", default="")
    parser.add_argument("--edits", default="", help="names of edits, with commas between")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the searches")
    parser.add_argument("--hash-seeds", type=int, default=5, help="processes for each Python")
    parser.add_argument("--most", type=int, default=12, help="failed ways to print for each witness")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


def explore(options: argparse.Namespace, folder: Path) -> list[Witnessed]:
    """Find all witnesses."""
    wanted = [name for name in options.cases.split(",") if name]
    python = options.find_on or options.pythons.split(",")[0]

    def explored(case: Case, seed: int) -> list[Witnessed]:
        place = folder / "found" / str(seed) / case.name
        case.copy(place)
        return find(case, place, python, seed)

    chosen = [(case, seed) for case in cases() if not wanted or case.name in wanted for seed in options.seeds]
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda pair: explored(*pair), chosen))
    for (case, seed), witnesses in zip(chosen, found, strict=True):
        if not witnesses:
            print(f"{case.name}, seed {seed}: nothing found")
    return [one for witnesses in found for one in witnesses]


def replay_all(options: argparse.Namespace, folder: Path, found: list[Witnessed]) -> None:
    """Replay every witness in every way."""
    pythons = options.pythons.split(",")
    edits = [name for name in options.edits.split(",") if name] or list(EDITS)
    places = {}
    for one in found:
        for edit in edits:
            places[one.case.name, edit] = place = folder / "edited" / edit.replace(" ", "-") / one.case.name
            if not place.exists():
                one.case.copy(place, edit)
    shares = [(python, hash_seed) for python in pythons for hash_seed in range(1, options.hash_seeds + 1)]
    count = -(-max(options.times - options.fresh, 0) // (len(shares) * len(edits)))
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = []
        for python, hash_seed in shares if count else ():
            jobs = [(places[one.case.name, edit], one, edit, count) for one in found for edit in edits]
            waiting.append(pool.submit(replay_forked, python, hash_seed, jobs))
        fresh = []
        for one in found:
            for number in range(options.fresh):
                python, edit = pythons[number % len(pythons)], edits[number % len(edits)]
                way = (Path(python).parts[-3], edit, "fresh")
                place = places[one.case.name, edit]
                fresh.append((one, way, pool.submit(replay_fresh, python, place, one, 1000 + number)))
        for future in waiting:
            for one, way, answer in future.result():
                one.take(way, answer)
        for one, way, answer in fresh:
            one.take(way, answer.result())


def show(found: list[Witnessed], most: int) -> bool:
    """Print the figures; return whether all is as it must be."""
    fine = bool(found)
    print(f"{'case':32} {'kind':15} {'pattern':32} {'preemptions':>11} {'stall':>6}  replays")
    for one in found:
        good, tried = one.good.total(), one.tried.total()
        fresh = [sum(n for way, n in counts.items() if way[2] == "fresh") for counts in (one.good, one.tried)]
        fine = fine and good == tried and one.preemptions <= MOST_PREEMPTIONS
        print(
            f"{one.case.name:32} {one.finding['kind']:15} {one.finding['pattern'] or '-':32} {one.preemptions:11} "
            f"{one.finding['needs_stall']:6.3g}  {good} of {tried} (fresh {fresh[0]} of {fresh[1]})"
        )
        for way, problem in sorted(one.wrong.items())[:most]:
            print(f"    {' / '.join(way)}: {one.good[way]} of {one.tried[way]}: {problem[:600]}")
    return fine


def main(arguments: list[str]) -> int:
    """Find, replay, report."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="unblink-replay-") as name:
        folder = Path(name)
        found = explore(options, folder)
        replay_all(options, folder, found)
        return 0 if show(found, options.most) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
