"""Runs CPython's own tests as controlled executions and compares them with plain runs.

    python -m tests.fidelity.run [MODULE ...] [--strategy default|random|pct|pos] [--seed N ...]
                                 [--only WORD] [--jobs N] [--limit SECONDS] [--json FILE] [--extra]

Each test method, with the fixtures of its class and module, is one execution in a forked child of its own;
what the plain interpreter does not pass is not asked of the ground. Two figures come out: of all tests that
pass plainly (an excluded one counts as not passed), and of those that are not excluded. The exit status is 1
when one that is not excluded does not pass. The last column counts tests that passed but let child processes
do their work, which run uncontrolled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import unittest
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial

from tests.fidelity import forked
from tests.fidelity.exclusions import Reason, reason_of
from tests.fidelity.modules import EXTRA, REQUIRED, borrow, is_there, tests_of
from tests.fidelity.outcome import PASSED, Outcome, verdict_of
from unblink import _native  # noqa: F401  loaded once, for every child
from unblink.ground import control

EPOCH_NS = 1_700_000_000 * 10**9
LIMITS = {"step_limit": 100_000_000, "livelock_after": 50_000_000}
"""CPython's tests poll for longer than a user's would; what never ends is found by the limit of real time."""


@dataclass(slots=True)
class Line:
    """What came of one module."""

    module: str
    passed: int = 0
    excluded: int = 0
    excluded_passed: int = 0
    with_children: int = 0
    failed: dict[str, Outcome] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        return self.passed + self.excluded + len(self.failed)

    def shares(self) -> tuple[float, float]:
        """Return the percentages of all tests and of those that are not excluded."""
        rest = self.asked - self.excluded
        return 100 * self.passed / max(self.asked, 1), 100 * self.passed / max(rest, 1)


def plain(test: unittest.TestCase) -> Outcome:
    """Run one test as unittest does."""
    result = unittest.TestResult()
    unittest.TestSuite([test]).run(result)
    return Outcome(*verdict_of(result))


def controlled(test: unittest.TestCase, strategy: str, seed: int) -> Outcome:
    """Run one test as one execution."""
    children: list[str] = []
    sys.addaudithook(lambda event, _: children.append(event) if event in CHILD_EVENTS else None)
    result = unittest.TestResult()
    suite = unittest.TestSuite([test])
    with control.installed():
        run = control.run(lambda: suite.run(result) and None, strategy, seed, stall_ns=0, epoch_ns=EPOCH_NS, **LIMITS)
    verdict, detail = verdict_of(result)
    if run.ending is not control.Ending.FINISHED or run.exception is not None:
        verdict, detail = "failed", f"{run.ending.name}: {run.exception!r}\n{detail}"
    return Outcome(verdict, detail, run.ending.name, run.tasks, left_behind(), bool(children))


CHILD_EVENTS = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "_winapi.CreateProcess"})


def left_behind() -> str:
    """Return what threading still knows of threads that are no more."""
    import threading
    from typing import Any, cast

    module = cast(Any, threading)
    found = []
    if len(module._active) > 1:
        found.append(f"_active {list(module._active.values())}")
    if module._limbo:
        found.append(f"_limbo {module._limbo}")
    if len(getattr(module, "_shutdown_locks", ())) > 1:
        found.append(f"_shutdown_locks {module._shutdown_locks}")
    return ", ".join(found)


def examine(module: str, options: argparse.Namespace) -> Line:
    """Run the tests of one module and say what came of them."""
    line = Line(module)
    tests = [test for test in tests_of(module) if not options.only or options.only in test.id()]
    for index, outcome in forked.each([partial(plain, test) for test in tests], options.jobs, options.limit):
        if outcome.verdict != PASSED:
            if options.verbose:
                print(f"  not asked: {tests[index].id()}: {outcome.verdict} plainly: {outcome.detail[-200:]}")
            tests[index] = None  # type: ignore[call-overload]
    asked = [test for test in tests if test is not None]
    jobs: list[Callable[[], Outcome]] = []
    names: list[str] = []
    for test in asked:
        for seed in options.seed:
            strategy = options.strategy or ("random" if seed else "default")
            jobs.append(partial(controlled, test, strategy, seed))
            names.append(test.id())
    worst: dict[str, Outcome] = {}
    for index, outcome in forked.each(jobs, options.jobs, options.limit):
        name = names[index]
        seed = options.seed[index % len(options.seed)]
        if worst.get(name, outcome).verdict == PASSED or name not in worst:
            worst[name] = outcome
        if outcome.verdict != PASSED and (options.verbose or reason_of(name) is None):
            print(f"--- {name} (seed {seed}): {outcome.verdict}\n{outcome.detail[-options.tail :]}", flush=True)
        elif outcome.left and options.verbose:
            print(f"--- {name} (seed {seed}) left behind: {outcome.left}", flush=True)
    for name, outcome in worst.items():
        count(line, name, outcome)
    return line


def count(line: Line, name: str, outcome: Outcome) -> None:
    """Enter one test into its module's line."""
    reason: Reason | None = reason_of(name)
    if reason is not None:
        line.excluded += 1
        line.excluded_passed += outcome.verdict == PASSED
        if outcome.verdict == PASSED:
            print(f"  excluded, but passes: {name} ({reason.value})")
    elif outcome.verdict == PASSED:
        line.passed += 1
        line.with_children += outcome.children
    else:
        line.failed[name] = outcome


def table(lines: list[Line]) -> str:
    """Return the figures, a line for each module and one for all."""
    total = Line("all")
    for line in lines:
        total.passed += line.passed
        total.excluded += line.excluded
        total.with_children += line.with_children
        total.failed |= line.failed
    heads = f"{'total':>6} {'passed':>6} {'failed':>6} {'excl.':>6} {'of all':>8} {'of rest':>8}"
    rows = [f"{'module':34} {heads}  in child processes"]
    for line in [*lines, total]:
        of_all, of_rest = line.shares()
        rows.append(
            f"{line.module:34} {line.asked:6} {line.passed:6} {len(line.failed):6} {line.excluded:6} "
            f"{of_all:7.1f}% {of_rest:7.1f}%  {line.with_children}"
        )
    return "\n".join(rows)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.run", description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="of CPython's test package, without `test.`")
    parser.add_argument("--strategy", default="", help="default for seed 0, random for any other")
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="several: a test must pass with each")
    parser.add_argument("--only", default="", help="tests with this in their name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a test")
    parser.add_argument("--tail", type=int, default=1500, help="characters of a failure's detail to print")
    parser.add_argument("--json", default="", help="file for the figures and failures")
    parser.add_argument("--extra", action="store_true", help="also modules that were not asked for")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    names = [f"test.{name.removeprefix('test.')}" for name in options.modules] or list(REQUIRED)
    if options.extra:
        names += list(EXTRA)
    lender = borrow()
    lines = []
    for name in names:
        if is_there(name):
            lines.append(examine(name, options))
    print(f"\nCPython {sys.version.split()[0]}, seeds {options.seed}\n" + table(lines))
    if lender:
        print(f"test_concurrent_futures is {lender}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(
                {"python": sys.version, "seeds": options.seed, "modules": [asdict(line) for line in lines]},
                file,
                indent=1,
            )
    return 1 if any(line.failed for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
