"""Adds up what the test runs wrote in JUnit form, and prints the closing line: `N passed, N failed`.

A step that failed without a failing test (a build, the linters) counts as one failure: the line never looks
green when the run was not.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(folder: str, failed_steps: int) -> int:
    """Print the count of each run and of all; the status is that of the tests."""
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for report in sorted(Path(folder).glob("tests-*.xml")):
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        for suite in ET.parse(report).getroot().iter("testsuite"):
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            counts["failed"] += failed
            counts["skipped"] += skipped
            counts["passed"] += int(suite.get("tests", 0)) - failed - skipped
        version = report.stem.removeprefix("tests-")
        print(f"Python {version}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
        for outcome, count in counts.items():
            total[outcome] += count
    failures = max(total["failed"], failed_steps)
    print(f"{total['passed']} passed, {failures} failed")
    return 1 if failures or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
