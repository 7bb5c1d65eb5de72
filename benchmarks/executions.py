"""Executions of two small programs for each second of one core: an exploration, the native loop, and plain threads."""

from __future__ import annotations

from benchmarks.loading import ROOT, explore_loop, load, native_loop, native_points, plain_loop, prepare
from benchmarks.measuring import by_turns
from benchmarks.programs import threads
from benchmarks.row import Row

BODIES = {
    "two threads, one += each": ("two_increments", 30_000),
    "three threads, five += under one lock": ("three_under_one_lock", 8_000),
}
NATIVE, EXPLORED, PLAIN = 200, 1000, 20
REPETITIONS = 15


def rows() -> list[Row]:
    """Measure."""
    prepare()
    plain = load(ROOT / "benchmarks/programs/threads.py", "plain_threads", hooked=False)
    found = []
    for title, (name, target) in BODIES.items():
        body = getattr(threads, name)
        native_loop(body, 3)()  # learns which sites race
        assert native_points(body, 1) == native_points(body, 1)
        best = by_turns(
            {
                "explore": explore_loop(body, EXPLORED),
                "surw": explore_loop(body, EXPLORED, "surw"),
                "native": native_loop(body, NATIVE),
                "plain": plain_loop(getattr(plain, name), PLAIN),
            },
            REPETITIONS,
        )
        per_run = PLAIN / best["plain"].cpu
        for label, kind, count in (
            ("explore(), random", "explore", EXPLORED),
            ("explore(), surw, which learns", "surw", EXPLORED),
            ("native loop, random", "native", NATIVE),
        ):
            rate = count / best[kind].cpu
            by_wall = f"{count / best[kind].wall:,.0f}/s by the wall's clock"
            found.append(
                Row(
                    "executions",
                    f"{title}: {label}",
                    rate,
                    "/cpu-s",
                    target,
                    True,
                    rate / per_run,
                    "plain threads",
                    by_wall,
                )
            )
        found.append(Row("executions", f"{title}: plain threads", per_run, "/cpu-s"))
    return found
