"""How cost grows: with tasks, with the points of one execution, and with the number of executions."""

from __future__ import annotations

from benchmarks.loading import native_loop, native_points, native_run, prepare
from benchmarks.measuring import by_turns, resident_bytes
from benchmarks.programs import threads
from benchmarks.row import Row

TASKS = (2, 4, 8, 16, 32, 64)
POINTS = (1_000, 10_000, 100_000, 1_000_000)
POINTS_IN_ALL = 20_000  # whatever the number of tasks
REPETITIONS = 5
EXECUTIONS = 10_000


def rows() -> list[Row]:
    """Measure."""
    prepare()
    return [*_memory_of_executions(), *_by_tasks(), *_by_points()]


def _by_tasks() -> list[Row]:
    """The marginal point, so that what it costs to start a thread is left out.

    Under `random` two tasks switch at every other point and 64 at nearly every one; under `pct` hardly ever.
    """
    return [row for strategy in ("pct", "random") for row in _by_tasks_under(strategy)]


def _by_tasks_under(strategy: str) -> list[Row]:
    costs, switches = {}, {}
    for tasks in TASKS:
        times = POINTS_IN_ALL // tasks // 2
        once, twice = threads.increments(tasks, times), threads.increments(tasks, 2 * times)
        for body in (twice, once, twice):
            native_run(body, strategy)
        first, second = native_run(once, strategy), native_run(twice, strategy)
        more = second[4] - first[4]
        assert more == 2 * times * tasks, more
        switches[tasks] = (second[5] - first[5]) / more
        best = by_turns(
            {
                "once": lambda body=once: native_run(body, strategy),
                "twice": lambda body=twice: native_run(body, strategy),
            },
            REPETITIONS,
        )
        costs[tasks] = (best["twice"].cpu - best["once"].cpu) / more * 1e6
    return [
        Row("growth", f"{tasks} tasks, {strategy}", cost, "µs/point", 1.0, False, cost / costs[TASKS[0]], f"{TASKS[0]} tasks",
            f"{switches[tasks]:.2f} switches a point")
        for tasks, cost in costs.items()
    ]  # fmt: skip


def _by_points() -> list[Row]:
    costs, found = {}, []
    for points in POINTS:
        body = threads.increments(2, points // 4)
        before = resident_bytes()
        counted = native_points(body)
        grown = resident_bytes() - before
        assert abs(counted - points) < 100, counted
        native_run(body)
        repetitions = max(1, min(20, 200_000 // points))
        best = by_turns({"run": lambda body=body: native_run(body)}, repetitions)
        costs[points] = best["run"].cpu / counted * 1e6
        note = f"{grown / counted:,.1f} bytes more resident a point" if points == POINTS[-1] else ""
        found.append(
            Row("growth", f"{points:,} points in one execution", costs[points], "µs/point", 1.0, False,
                ratio=costs[points] / costs[POINTS[0]], of=f"{POINTS[0]:,} points", note=note)
        )  # fmt: skip
    return found


def _memory_of_executions() -> list[Row]:
    work = native_loop(threads.three_under_one_lock, 1_000)
    first = resident_bytes()
    work()
    second = resident_bytes()
    for _ in range(EXECUTIONS // 1_000):
        work()
    third = resident_bytes()
    return [
        Row("growth", "memory after the first 1,000 executions", (second - first) / 1024, "KiB more"),
        Row("growth", f"memory after {EXECUTIONS:,} more", (third - second) / 1024, "KiB more", 1024.0, False,
            note=f"{(third - second) / EXECUTIONS:,.1f} bytes an execution"),
    ]  # fmt: skip
