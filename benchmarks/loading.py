"""The same program plain and instrumented, side by side, and the native loop without what stands around it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import unblink
from unblink import _native
from unblink.exploration.session import Sites
from unblink.ground.control import FAIRNESS, LIVELOCK_AFTER
from unblink.instrument.compiled import compile_instrumented, compile_plain

FINISHED = 1
EPOCH_NS = 10**18
ROOT = Path(__file__).resolve().parent.parent


def prepare() -> None:
    """Install the ground and the hooks, and instrument the programs, as the first exploration does."""
    assert unblink.explore(_nothing, budget="1x", witnesses=None).executions == 1


def _nothing() -> None:
    return None


def load(path: Path, name: str, *, hooked: bool) -> ModuleType:
    """Return a fresh module from the source at `path`, with hooks or without."""
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and pickle look there
    compiled = (compile_instrumented if hooked else compile_plain)(path.read_bytes(), str(path))
    exec(compiled.ready(Sites()), module.__dict__)
    return module


def load_both(path: Path, name: str) -> tuple[ModuleType, ModuleType]:
    """Return two fresh modules from the source at `path`: one plain, one with hooks."""
    return load(path, f"plain_{name}", hooked=False), load(path, f"hooked_{name}", hooked=True)


def native_run(body: Callable[[], Any], strategy: str = "random", seed: int = 0) -> tuple[Any, ...]:
    """Run `body` once under control by the native call alone; return its row."""
    return _native.run(body, strategy, seed, 3, 100, 0, EPOCH_NS, 1 << 40, LIVELOCK_AFTER, FAIRNESS, False, True)


def native_points(body: Callable[[], Any], seed: int = 0) -> int:
    """Run `body` once and return its points; it must have come to its end."""
    row = native_run(body, seed=seed)
    assert row[0] == FINISHED and row[2] is None and row[3] is None, row
    return int(row[4])


def native_loop(body: Callable[[], Any], executions: int) -> Callable[[], None]:
    """Return the work of so many executions by the native call alone, each with another seed."""

    def work() -> None:
        for seed in range(executions):
            row = native_run(body, "random", seed)
            assert row[0] == FINISHED

    return work


def explore_loop(body: Callable[[], Any], executions: int, strategy: str = "random") -> Callable[[], None]:
    """Return the work of one exploration of so many executions, none of which fails."""

    def work() -> None:
        result = unblink.explore(body, budget=f"{executions}x", strategy=strategy, witnesses=None)
        assert result.executions == executions, result.executions
        assert result.failure is None

    return work


def plain_loop(body: Callable[[], Any], times: int) -> Callable[[], None]:
    """Return the work of so many plain runs."""

    def work() -> None:
        for _ in range(times):
            body()

    return work
