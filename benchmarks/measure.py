"""Measures sections in this process and prints their rows as JSON: `python -m benchmarks.measure points growth`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module

from benchmarks.measuring import python_version
from benchmarks.row import Row

SECTIONS = (
    "executions",
    "points",
    "against_peers",
    "instrumentation",
    "isolation",
    "growth",
    "databases",
    "event_loops",
)
ON_REQUEST = ("long_run",)


def main(sections: list[str]) -> None:
    """Measure each section, in the order given."""
    for section in sections:
        rows: Callable[[], list[Row]] = import_module(f"benchmarks.{section}").rows
        for row in rows():
            print(json.dumps(row.as_json(python_version())), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SECTIONS))
