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

from .edits import EDITS
from .projects import ROOT, Case, cases, copy_all

SOURCES = Path(os.environ.get("UNBLINK_SOURCES") or ROOT / "src")  # used if it was built in place
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
    if any((SOURCES / "unblink").glob("_native*.so")):
        own["PYTHONPATH"] = str(SOURCES)
    return own | {"PYTHONHASHSEED": str(hash_seed)}


def find(chosen: list[Case], folder: Path, python: str, seed: int) -> list[Witnessed]:
    """Explore the cases with the defaults and return their witnesses."""
    copy_all(chosen, folder)
    summary = folder / "found.json"
    ended = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *LOADED, "--race", "--race-seed", str(seed),
         "--race-json", str(summary)],
        cwd=folder, env=environment(0), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not summary.exists():
        raise RuntimeError(ended.stdout[-2000:] + ended.stderr[-2000:])
    by_file = {case.test_file: case for case in chosen}
    found = []
    for one in json.loads(summary.read_text(encoding="utf-8")):
        case = by_file[one["test"].split("::")[0]]
        if one["witness"] is None:
            print(f"{case.name}, seed {seed}: nothing found")
            continue
        path = folder / one["witness"]
        preemptions = len(json.loads(path.read_text(encoding="utf-8"))["schedule"])
        result = one["findings"][-1] if one["verdict"] == "failed" else one["findings"][0]
        found.append(Witnessed(case, one["test"], path, result, preemptions))
    return found


def replay_fresh(python: str, folder: Path, one: Witnessed, hash_seed: int) -> list[Any]:
    """Replay in a whole new process."""
    summary = one.witness.with_name(f"{one.case.name}-{hash_seed}.replayed")
    ended = subprocess.run(
        [python, "-m", "pytest", one.test, "-q", "-p", "no:cacheprovider", *LOADED,
         "--race-replay", str(one.witness), "--race-json", str(summary)],
        cwd=folder, env=environment(hash_seed), capture_output=True, text=True, check=False,
    )  # fmt: skip
    summaries = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else []
    summary.unlink(missing_ok=True)
    return [ended.returncode, summaries or [ended.stdout[-900:] + ended.stderr[-300:]]]


def replay_forked(python: str, hash_seed: int, folder: Path, found: list[Witnessed], times: int) -> list[list[Any]]:
    """Start one process and have it replay each witness so many times in forks."""
    job = json.dumps([str(folder), [str(one.witness) for one in found], times])
    ended = subprocess.run(
        [python, str(REPLAYER)],
        input=job + "\n",
        env=environment(hash_seed),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stdout.splitlines()
    try:
        answers: list[list[Any]] = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise RuntimeError(f"{python}: no answer\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}") from None
    return answers


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


def explore(options: argparse.Namespace, folder: Path) -> tuple[list[Case], list[Witnessed]]:
    """Find all witnesses."""
    wanted = [name for name in options.cases.split(",") if name]
    python = options.find_on or options.pythons.split(",")[0]
    chosen = [case for case in cases() if not wanted or case.name in wanted]
    found = [one for seed in options.seeds for one in find(chosen, folder / f"seed-{seed}", python, seed)]
    return chosen, found


def replay_all(options: argparse.Namespace, folder: Path, chosen: list[Case], found: list[Witnessed]) -> None:
    """Replay every witness in every way."""
    pythons = options.pythons.split(",")
    edits = [name for name in options.edits.split(",") if name] or list(EDITS)
    places = {edit: folder / "edited" / edit.replace(" ", "-") for edit in edits}
    for edit, place in places.items():
        copy_all(chosen, place, edit)
    shares = [(p, h, edit) for h in range(1, options.hash_seeds + 1) for edit in edits for p in pythons]
    count = -(-max(options.times - options.fresh, 0) // len(shares))

    def forked(share: tuple[str, int, str]) -> None:
        python, hash_seed, edit = share
        answers = replay_forked(python, hash_seed, places[edit], found, count) if count else []
        for one, replays in zip(found, answers, strict=bool(count)):
            for answer in replays:
                one.take((version_of(python), edit, "forked"), answer)

    def fresh(share: tuple[int, Witnessed]) -> None:
        number, one = share
        python, edit = pythons[number % len(pythons)], edits[number % len(edits)]
        answer = replay_fresh(python, places[edit], one, 1000 + number)
        one.take((version_of(python), edit, "fresh"), answer)

    with ThreadPoolExecutor(options.jobs) as pool:
        for _ in pool.map(forked, shares):
            pass
        for _ in pool.map(fresh, [(number, one) for number in range(options.fresh) for one in found]):
            pass


def version_of(python: str) -> str:
    """Return the name of the environment of an interpreter."""
    return Path(python).parts[-3] if len(Path(python).parts) > 2 else python


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
        chosen, found = explore(options, folder)
        replay_all(options, folder, chosen, found)
        return 0 if show(found, options.most) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
