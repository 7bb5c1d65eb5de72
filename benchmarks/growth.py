"""How cost grows: with tasks, with the points of one execution, and with the number of executions."""

from __future__ import annotations

from benchmarks.loading import native_loop, native_points, native_run, prepare
from benchmarks.measuring import by_turns, resident_bytes
from benchmarks.programs import threads
from benchmarks.row import Row

TASKS = (2, 4, 8, 16, 32, 64)
POINTS = (1_000, 10_000, 100_000, 1_000_000)
POINTS_EACH = 20_000  # in all, whatever the number of tasks
REPETITIONS = 5
EXECUTIONS = 10_000
FLAT = 1.5


def rows() -> list[Row]:
    """Measure."""
    prepare()
    return [*_memory_of_executions(), *_by_tasks(), *_by_points()]


def _by_tasks() -> list[Row]:
    """The marginal point, so that what it costs to start a thread is left out."""
    costs = {}
    for tasks in TASKS:
        times = POINTS_EACH // tasks // 2
        once, twice = threads.increments(tasks, times), threads.increments(tasks, 2 * times)
        native_run(twice)
        native_run(twice)
        more = native_points(twice) - native_points(once)
        best = by_turns({"once": lambda b=once: native_run(b), "twice": lambda b=twice: native_run(b)}, REPETITIONS)
        costs[tasks] = (best["twice"].cpu - best["once"].cpu) / more * 1e6
    return [
        Row("growth", f"{tasks} tasks", cost, "µs/point", ratio=cost / costs[TASKS[0]], of="2 tasks")
        for tasks, cost in costs.items()
    ]


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
            Row("growth", f"{points:,} points in one execution", costs[points], "µs/point",
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
