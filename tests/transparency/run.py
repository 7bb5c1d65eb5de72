"""Runs other people's test suites plainly, instrumented, and controlled, and compares them test by test.

    python -m tests.transparency.run [--packages a,b] [--python X] [--folder DIR] [--ways WAY,...] [--only NODEID ...]

Ways: `instrumented` (hooks in place, nothing under control), `controlled` (`--race --race-budget 1x`), `explored`
(`--race`). The plain suite is run twice: a test that differs from itself is listed and not compared. Under
`instrumented` no test may differ; under `controlled` only a test which names what could not be controlled; under
`explored` every further failure is printed with what it says, for a person to judge. The exit status is 1 when one
differs that may not, or when a suite did not come to its end.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .packages import PACKAGES, Package
from .suites import Suite, Way, run
from .workshop import ROOT, Unavailable, Workshop

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One test and phase with another outcome than plainly; `excuse` is what it names as not controlled."""

    test: str
    phase: str
    plain: tuple[str, ...]
    other: tuple[str, ...]
    said: str
    excuse: str = ""


@dataclass(slots=True)
class Line:
    """One package in one way."""

    package: str
    way: Way
    tests: int
    counts: str
    unsteady: int
    seconds: float
    ratio: float
    ended: bool
    concurrent: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def unexcused(self) -> list[Difference]:
        """The differences that may not be."""
        if self.way is Way.EXPLORED:
            return []
        return [one for one in self.differences if not one.excuse or self.way is Way.INSTRUMENTED]


def differences(plain: Suite, other: Suite, unsteady: set[str]) -> list[Difference]:
    """Return what is not the same in `other`, leaving out tests that are not the same twice."""
    found = []
    for key in sorted(plain.outcomes.keys() | other.outcomes.keys()):
        before, after = plain.outcomes.get(key, ()), other.outcomes.get(key, ())
        if before != after and key[0] not in unsteady:
            summary = other.summaries.get(key[0], {})
            excuse = "; ".join(summary.get("uncontrolled", ()))
            found.append(Difference(*key, before, after, other.said.get(key, ""), excuse))
    return found


def unsteady_tests(one: Suite, two: Suite) -> set[str]:
    """Return the tests whose plain outcomes differ between two runs."""
    return {
        key[0] for key in one.outcomes.keys() | two.outcomes.keys() if one.outcomes.get(key) != two.outcomes.get(key)
    }


def examine(shop: Workshop, package: Package, options: argparse.Namespace) -> list[Line]:
    """Run one package's suite in every way that was asked for."""
    plain = run(shop, package, Way.PLAIN, only=options.only or None)
    again = run(shop, package, Way.PLAIN, only=options.only or None)
    unsteady = unsteady_tests(plain, again)
    seconds = min(plain.seconds, again.seconds)
    lines = [Line(package.name, Way.PLAIN, plain.tests, plain.counts(), len(unsteady), seconds, 1.0, plain.ended)]
    if options.verbose or not plain.ended or not plain.tests:
        print(plain.output[-3000:])
    for test in sorted(unsteady):
        print(f"  {package.name}: unsteady, not compared: {test}")
    for way in options.ways:
        suite = run(shop, package, way, only=options.only or None)
        line = Line(
            package.name, way, suite.tests, suite.counts(), len(unsteady), suite.seconds, suite.seconds / seconds,
            suite.ended, sum(s["verdict"] not in ("sequential", "skipped", "uncontrolled") for s in suite.summaries.values()),
            differences(plain, suite, unsteady),
        )  # fmt: skip
        lines.append(line)
        show(line, suite, options)
    return lines


def show(line: Line, suite: Suite, options: argparse.Namespace) -> None:
    """Print what came of one way."""
    print(
        f"{line.package} {line.way}: {line.counts}; {len(line.differences)} differ; {line.ratio:.2f} times plain",
        flush=True,
    )
    if options.verbose or not suite.ended:
        print(suite.output[-options.tail :])
    for one in line.differences[: options.most]:
        words = f"{'/'.join(one.plain) or 'not run'} plainly, {'/'.join(one.other) or 'not run'} {line.way}"
        excuse = f" (names: {one.excuse})" if one.excuse else ""
        print(f"  {one.test} [{one.phase}]: {words}{excuse}\n      {one.said[:400]!r}", flush=True)


def table(lines: list[Line]) -> str:
    """Return the figures."""
    rows = [
        f"{'package':16} {'way':13} {'tests':>6} {'concurrent':>10} {'unsteady':>8} {'differ':>6} {'excused':>7} {'seconds':>8} {'ratio':>6}  end"
    ]
    for line in lines:
        excused = len(line.differences) - len(line.unexcused)
        rows.append(
            f"{line.package:16} {line.way:13} {line.tests:6} {line.concurrent:10} {line.unsteady:8} {len(line.differences):6} {excused:7} "
            f"{line.seconds:8.1f} {line.ratio:6.2f}  {'yes' if line.ended else 'NO'}"
        )
    return "\n".join(rows)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.transparency.run", description=__doc__.split("\n")[0])
    parser.add_argument("--packages", default="", help="names with commas between; all by default")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for the suites")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "transparency", help="is kept for the next time"
    )
    parser.add_argument("--ways", default="instrumented,controlled", help="instrumented, controlled, explored")
    parser.add_argument("--only", nargs="*", default=[], help="node ids")
    parser.add_argument("--most", type=int, default=40, help="differences to print for each suite")
    parser.add_argument("--tail", type=int, default=3000, help="characters of a suite's output to print")
    parser.add_argument("--json", default="", help="file for the figures")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    options.ways = [Way(way) for way in options.ways.split(",") if way]
    return options


def main(arguments: list[str]) -> int:
    """Run what was asked for."""
    options = parse(arguments)
    shop = Workshop(options.folder, options.python)
    wanted = [name for name in options.packages.split(",") if name]
    lines: list[Line] = []
    missing = []
    for package in PACKAGES:
        if wanted and package.name not in wanted:
            continue
        if package.only:
            print(f"{package.name}: {package.only}")
        try:
            lines += examine(shop, package, options)
        except Unavailable as problem:
            missing.append(package.name)
            print(f"{package.name}: not to be had: {problem}")
    print(f"\nCPython {shop.version}\n" + table(lines))
    if options.json:
        rows = [
            {"package": n.package, "way": n.way, "tests": n.tests, "concurrent": n.concurrent, "unsteady": n.unsteady,
             "differ": [[d.test, d.phase, d.plain, d.other, d.excuse] for d in n.differences],
             "seconds": n.seconds, "ratio": n.ratio, "ended": n.ended}
            for n in lines
        ]  # fmt: skip
        Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 1 if missing or any(line.unexcused or not line.ended for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
