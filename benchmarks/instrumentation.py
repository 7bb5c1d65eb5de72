"""What instrumentation costs whole programs: pyperformance's object-heavy ones, plain and with hooks, by turns.

Three settings: no execution is active; inside an execution that has one task; inside one in which a second task
waits, so that each hook finds its location and enters the access.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from benchmarks.foreign import pyperformance_program
from benchmarks.loading import FINISHED, load_both, native_run, prepare
from benchmarks.measuring import by_turns
from benchmarks.row import Row

REPETITIONS = 7
SETTINGS = ("no execution", "one task", "a second task waits")


def richards(module: ModuleType) -> object:
    """Run the simulation once."""
    return module.Richards().run(1)


def deltablue(module: ModuleType) -> object:
    """Solve chains and projections of 200 constraints."""
    return module.delta_blue(200)


def raytrace(module: ModuleType) -> object:
    """Render a small picture."""
    return module.bench_raytrace(1, 30, 30, None)


def go(module: ModuleType) -> object:
    """Play one game."""
    return module.versus_cpu()


def hexiom(module: ModuleType) -> object:
    """Solve a board."""
    return module.main(1, 10)


def floats(module: ModuleType) -> object:
    """Normalise points."""
    return module.benchmark(10_000)


PROGRAMS: dict[str, tuple[str, Callable[[ModuleType], object]]] = {
    "richards": ("richards", richards),
    "deltablue": ("deltablue", deltablue),
    "raytrace": ("raytrace", raytrace),
    "go": ("go", go),
    "hexiom": ("hexiom", hexiom),
    "float": ("float", floats),
}


def rows() -> list[Row]:
    """Measure."""
    prepare()
    sys.modules["pyperf"] = SimpleNamespace(perf_counter=lambda: 0.0)  # type: ignore[assignment]
    ratios: dict[str, list[float]] = {setting: [] for setting in SETTINGS}
    found = []
    for title, (name, run) in PROGRAMS.items():
        path = pyperformance_program(name)
        plain, hooked = load_both(path, name)
        best = by_turns(
            {
                "plain": lambda plain=plain, run=run: run(plain),
                SETTINGS[0]: lambda hooked=hooked, run=run: run(hooked),
                SETTINGS[1]: lambda hooked=hooked, run=run: _controlled(lambda: run(hooked)),
                SETTINGS[2]: lambda hooked=hooked, run=run: _controlled(_beside_a_waiting_task(lambda: run(hooked))),
            },
            REPETITIONS,
        )
        for setting in SETTINGS:
            ratio = best[setting].cpu / best["plain"].cpu
            ratios[setting].append(ratio)
            found.append(Row("instrumentation", f"{title}: {setting}", ratio, "x plain", 3.0, False))
    for setting in SETTINGS:
        mean = math.exp(math.fsum(map(math.log, ratios[setting])) / len(PROGRAMS))
        found.append(Row("instrumentation", f"geometric mean: {setting}", mean, "x plain", 2.0, False))
    return found


def _controlled(body: Callable[[], Any]) -> None:
    row = native_run(body, "default")
    assert row[0] == FINISHED and row[2] is None, row


def _beside_a_waiting_task(work: Callable[[], Any]) -> Callable[[], None]:
    def body() -> None:
        lock = threading.Lock()

        def wait() -> None:
            with lock:
                pass

        with lock:
            thread = threading.Thread(target=wait)
            thread.start()
            work()
        thread.join()

    return body
