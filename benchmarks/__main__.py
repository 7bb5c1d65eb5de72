"""`python -m benchmarks [--json FILE] [--python PATH]... [SECTION]...`: measure, and print tables.

Each section runs in a process of its own, for each Python: this one, and those named that can import unblink.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from typing import Any

from benchmarks.measure import ON_REQUEST, SECTIONS
from benchmarks.row import Row, number, row_of

OTHERS = ("python3.11", "python3.12", "python3.13")


def main() -> int:
    """Measure; 1 if a count was not what it must be."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure unblink, and print tables.")
    options.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"of {', '.join(SECTIONS)}; all by default. Also {', '.join(ON_REQUEST)}",
    )
    options.add_argument("--json", metavar="FILE", help="write the rows as JSON too")
    options.add_argument(
        "--python", action="append", default=[], metavar="PATH", help="another Python that has unblink"
    )
    chosen = options.parse_args()
    unknown = set(chosen.sections) - {*SECTIONS, *ON_REQUEST}
    if unknown:
        options.error(f"no such section: {', '.join(sorted(unknown))}")
    measured: list[dict[str, Any]] = []
    failed = False
    for python in _pythons(chosen.python):
        for section in chosen.sections or SECTIONS:
            done = subprocess.run(
                [python, "-m", "benchmarks.measure", section], stdout=subprocess.PIPE, text=True, check=False
            )
            rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            measured += rows
            _show(section, rows)
            if done.returncode:
                failed = True
                print(f"  {section} failed on {python}: exit status {done.returncode}")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(measured, file, indent=1)
    return int(failed)


def _pythons(named: list[str]) -> list[str]:
    """This Python first; then those named, or those on the path, that have unblink."""
    found = {_version(sys.executable): sys.executable}
    for name in named or OTHERS:
        path = shutil.which(name)
        version = path and _version(path)
        if path and version:
            found.setdefault(version, path)
    return list(found.values())


def _version(python: str) -> str:
    check = "import sys, unblink._native, greenlet; print(sys.version.split()[0])"
    done = subprocess.run([python, "-c", check], capture_output=True, text=True, check=False, env=os.environ)
    return done.stdout.strip()


def _show(section: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    print(f"\n{section.replace('_', ' ')}, Python {rows[0]['python']}")
    for json_row in rows:
        print("  " + _line(row_of(json_row)), flush=True)


def _line(row: Row) -> str:
    line = f"{row.name:<58} {number(row.value):>9} {row.unit:<9}"
    if row.target is not None:
        bound = "at least" if row.at_least else "at most"
        line += f" {'yes' if row.is_met else 'NO ':<3} {bound} {number(row.target)}"
    if row.ratio is not None:
        line += f"  {number(row.ratio)} x {row.of}"
    return f"{line}  {row.note}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
