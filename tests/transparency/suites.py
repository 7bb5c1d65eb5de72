"""Running one suite in one of the ways, and reading what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .packages import Package
from .workshop import Workshop


class Way(StrEnum):
    """How a suite is run."""

    PLAIN = "plain"
    INSTRUMENTED = "instrumented"
    CONTROLLED = "controlled"  # each test once, as one execution
    EXPLORED = "explored"  # with the default budget


EXTRA: dict[Way, tuple[str, ...]] = {
    Way.PLAIN: (),
    Way.INSTRUMENTED: (),
    Way.CONTROLLED: ("-p", "unblink_pytest", "--race", "--race-budget", "1x"),
    Way.EXPLORED: ("-p", "unblink_pytest", "--race"),
}


@dataclass(slots=True)
class Suite:
    """What came of one run. `outcomes` has, for each test and phase, its outcomes in order; `said` the reasons."""

    outcomes: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    said: dict[tuple[str, str], str] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    ended: bool = False
    status: int | None = None
    output: str = ""

    @property
    def tests(self) -> int:
        """How many tests ran."""
        return len({node for node, phase in self.outcomes if phase != "session"})

    def counts(self) -> str:
        """The outcomes of the calls, counted."""
        worst: dict[str, str] = {}
        for (node, _), found in self.outcomes.items():
            for outcome in found:
                if outcome != "passed" or node not in worst:
                    worst[node] = outcome
        return ", ".join(f"{number} {outcome}" for outcome, number in Counter(worst.values()).most_common())


def run(
    shop: Workshop, package: Package, way: Way, extra: tuple[str, ...] = (), only: list[str] | None = None
) -> Suite:
    """Run the suite of `package` in the given way."""
    source, python = shop.prepared(package)
    with tempfile.TemporaryDirectory() as folder:
        outcomes, summary, chosen = (Path(folder) / name for name in ("outcomes", "summary.json", "only.json"))
        variables = shop.environment(package, source) | {"UNBLINK_OUTCOMES": str(outcomes)}
        if way is Way.INSTRUMENTED:
            variables["UNBLINK_INSTRUMENT_ONLY"] = "1"
        if only is not None:
            chosen.write_text(json.dumps(only), encoding="utf-8")
            variables["UNBLINK_ONLY_FILE"] = str(chosen)
        command = [
            str(python), "-X", "faulthandler", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider",
            "-p", "unblink_outcomes", *EXTRA[way], *package.tests, *extra,
        ]  # fmt: skip
        if way in (Way.CONTROLLED, Way.EXPLORED):
            command += ["--race-json", str(summary)]
        suite = Suite()
        began = time.perf_counter()
        suite.status, suite.output = _ended(command, source, variables, package.limit)
        suite.seconds = time.perf_counter() - began
        _read(suite, outcomes, summary)
    return suite


def _ended(command: list[str], folder: Path, variables: dict[str, str], limit: float) -> tuple[int | None, str]:
    """Run a command to its end; one that hangs is asked for its stacks, then killed with all that it started."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        status: int | None = None
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
        finally:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        return status, output.read().decode(errors="replace")


def _read(suite: Suite, outcomes: Path, summary: Path) -> None:
    found: dict[tuple[str, str], list[str]] = {}
    if outcomes.exists():
        for line in outcomes.read_text(encoding="utf-8").splitlines():
            node, phase, outcome, reason = json.loads(line)
            if phase == "session":
                suite.ended = True
                continue
            found.setdefault((node, phase), []).append(outcome)
            if reason:
                suite.said[node, phase] = reason
    suite.outcomes = {key: tuple(value) for key, value in found.items()}
    if summary.exists():
        suite.summaries = {one["test"]: one for one in json.loads(summary.read_text(encoding="utf-8"))}
