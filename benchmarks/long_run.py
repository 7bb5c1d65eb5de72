"""One exploration of ten minutes and 10^9 operations: does memory stay flat? Not among the default sections."""

from __future__ import annotations

import time

import unblink
from benchmarks.loading import prepare
from benchmarks.measuring import resident_bytes
from benchmarks.programs.churn import OPERATIONS, body_of
from benchmarks.row import Row

SECONDS = 600
TURNS = 20_000
CONFIRMING = 60
MIB = 1024 * 1024


def rows() -> list[Row]:
    """Measure."""
    prepare()
    resident: list[int] = []
    body = body_of(TURNS)

    def watched() -> None:
        resident.append(resident_bytes())
        body()

    began = time.perf_counter()
    result = unblink.explore(watched, budget=f"1000000x,{SECONDS}s", witnesses=None)
    took = time.perf_counter() - began
    # By then the tables have grown to their size; the last executions confirm races, and keep every object alive for that.
    warm = resident[len(resident) // 10 : -CONFIRMING]
    note = f"{took:.0f} s, {result.executions} executions; {warm[0] / MIB:.0f} MiB after a tenth of them"
    return [
        Row("long_run", "operations", result.executions * 3 * TURNS * OPERATIONS, "", 1e9, True),
        Row("long_run", "resident memory then grows by", (max(warm) - warm[0]) / MIB, "MiB", 4.0, False, note=note),
    ]
