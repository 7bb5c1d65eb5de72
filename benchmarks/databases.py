"""Explorations of two threads that use one SQLite database, on disk and in memory, beside the same program run plainly.

By the wall's clock, for what a plain run does most is to wait for the disk.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.loading import ROOT, explore_loop, load, prepare
from benchmarks.measuring import by_turns
from benchmarks.row import Row

TARGET = 1000
EXPLORED, PLAIN = 500, 10
REPETITIONS = 5
BODIES = (
    ("on disk, an update in two steps", "updates", "file:{folder}/steps.db", ""),
    ("on disk, in one transaction", "immediate", "file:{folder}/whole.db", ""),
    ("on disk, a whole test, with a database of its own", "whole", "file:{folder}/own.db", ""),
    ("on disk with a write-ahead log", "updates", "file:{folder}/ahead.db", "wal"),
    ("in memory, one shared cache", "updates", "file::memory:?cache=shared", ""),
)


def rows() -> list[Row]:
    """Measure."""
    prepare()
    source = ROOT / "benchmarks/programs/databases.py"
    plain, hooked = (load(source, f"databases_{name}", hooked=name == "hooked") for name in ("plain", "hooked"))
    found = []
    with tempfile.TemporaryDirectory(prefix="unblink-") as folder:
        for title, body, pattern, journal in BODIES:
            path = pattern.format(folder=Path(folder).as_posix())
            with closing(plain.prepare(path)) as keeper:
                if journal:
                    keeper.execute(f"pragma journal_mode = {journal}")
                explored, unhooked = getattr(hooked, body)(path), getattr(plain, body)(path)
                best = by_turns(
                    {
                        "explore": explore_loop(explored, EXPLORED, "random"),
                        "plain": lambda unhooked=unhooked: [unhooked() for _ in range(PLAIN)],
                    },
                    REPETITIONS,
                )
            per_run, rate = PLAIN / best["plain"].wall, EXPLORED / best["explore"].wall
            by_cpu = f"{EXPLORED / best['explore'].cpu:,.0f}/cpu-s"
            found.append(
                Row(
                    "databases",
                    f"{title}: explore()",
                    rate,
                    "/s",
                    TARGET,
                    True,
                    rate / per_run,
                    "plain threads",
                    by_cpu,
                )
            )
            found.append(Row("databases", f"{title}: plain threads", per_run, "/s"))
    return found
