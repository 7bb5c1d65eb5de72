"""Explorations of two threads that use one SQLite database, on disk and in memory, beside the same program run plainly.

By the wall's clock, for what a plain run does most is to wait for the disk.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.beside_plain import compared
from benchmarks.loading import ROOT, load_both, prepare
from benchmarks.row import Row

TARGET = 1000
EXPLORED, PLAIN = 500, 10
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
    plain, hooked = load_both(ROOT / "benchmarks/programs/databases.py", "databases")
    found = []
    with tempfile.TemporaryDirectory(prefix="unblink-") as folder:
        for title, body, pattern, journal in BODIES:
            path = pattern.format(folder=Path(folder).as_posix())
            with closing(plain.prepare(path)) as keeper:
                if journal:
                    keeper.execute(f"pragma journal_mode = {journal}")
                both, per_run = compared(
                    "databases", title, getattr(hooked, body)(path), getattr(plain, body)(path),
                    explored=EXPLORED, runs=PLAIN, target=TARGET, of="plain threads",
                )  # fmt: skip
            found.extend(both)
            found.append(Row("databases", f"{title}: plain threads", per_run, "/s"))
    return found
