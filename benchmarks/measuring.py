"""Measuring on a machine that has other things to do: short repetitions, by turns, the best of each counts."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Best:
    """The least seconds of one repetition, by the wall's clock and by the processor's."""

    wall: float
    cpu: float


def processor_seconds() -> float:
    """Return the processor time of this process and of its ended children: time on one core."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


def by_turns(
    works: Mapping[str, Work], repetitions: int, clock: Callable[[], float] = time.process_time
) -> dict[str, Best]:
    """Run all `works` once for each repetition, one after the other; return the best of each.

    `clock` is the processor's clock to use; `processor_seconds` where child processes do the work.
    """
    wall = dict.fromkeys(works, float("inf"))
    cpu = dict.fromkeys(works, float("inf"))
    for _ in range(repetitions):
        for name, work in works.items():
            began_wall, began_cpu = time.perf_counter(), clock()
            work()
            cpu[name] = min(cpu[name], clock() - began_cpu)
            wall[name] = min(wall[name], time.perf_counter() - began_wall)
    return {name: Best(wall[name], cpu[name]) for name in works}


def resident_bytes() -> int:
    """Return the memory that this process has in use now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def python_version() -> str:
    """Return the version of this Python."""
    return sys.version.split()[0]
