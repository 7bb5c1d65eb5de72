"""A program on plain real threads, with switches forced as often as the system wakes the thread that waits.

    python -m tests.gil.threads NAME... [--tries N]

Unblink is not imported. Two threads do the step over and over; whoever waits for the GIL asks for it at once
(`sys.setswitchinterval`, and a timer without slack where the system has one), and CPython grants it where it checks.
Nothing else is changed: no tracing, no monitoring. Half of the tries run functions that were never run before, since
CPython's specialised instructions leave out checks which the general ones make. Prints one JSON object a program.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import FunctionType, MethodType
from typing import Any

from .programs import PROGRAMS, Claim, Counter

TRIES = 1_000_000
CHUNK = 5_000
SECONDS = 300.0
_PR_SET_TIMERSLACK = 29

Step = Callable[[object], None]


@dataclass(slots=True)
class Tried:
    """What came of it. `first_at` is the number of tries after which it was first seen broken, in chunks."""

    tries: int = 0
    broken: int = 0
    first_at: int | None = None
    switches: int = 0
    seconds: float = 0.0


def without_slack() -> None:
    """Have this thread's timers go off at once."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def never_run(step: Step) -> Step:
    """Return the same function with code that has not been specialised."""
    function: Any = getattr(step, "__func__", step)
    fresh = FunctionType(function.__code__.replace(), function.__globals__, "step", None, function.__closure__)
    return MethodType(fresh, step.__self__) if isinstance(step, MethodType) else fresh


def count(subject: Counter, me: object, times: int, fresh: bool) -> int:
    """Step so often. What is lost is seen in the end."""
    step = subject.step
    if fresh:
        for _ in range(times):
            never_run(step)(me)
    else:
        for _ in range(times):
            step(me)
    return 0


def claim(subject: Claim, me: object, times: int, fresh: bool) -> int:
    """Claim so often; return how often it was taken away from `me`."""
    step, broken = subject.step, 0
    for _ in range(times):
        if fresh:
            never_run(step)(me)
        else:
            step(me)
        if subject.has(me):
            for _ in range(10):  # keep it for a while
                pass
            if subject.has(me):
                subject.free()
            else:
                broken += 1
    return broken


def together(subject: Counter | Claim, times: int, fresh: bool) -> tuple[int, int]:
    """Have two threads do so many steps each; return how often it was broken, and how often they switched."""
    broken = [0, 0]
    switches = [0, 0]
    ready = threading.Barrier(2)

    def work(number: int) -> None:
        without_slack()
        me = object()
        ready.wait()
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        if isinstance(subject, Counter):
            count(subject, me, times, fresh)
        else:
            broken[number] = claim(subject, me, times, fresh)
        switches[number] = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = 2 * times - subject.total() if isinstance(subject, Counter) else sum(broken)
    return lost, sum(switches)


def tried(name: str, tries: int, *, until_broken: bool) -> Tried:
    """Try a program so often, or until it breaks."""
    found = Tried()
    before = time.perf_counter()
    while found.tries < tries and not (until_broken and found.broken) and time.perf_counter() - before < SECONDS:
        fresh = (found.tries // (2 * CHUNK)) % 2 == 1
        broken, switches = together(PROGRAMS[name](), CHUNK, fresh)
        found.tries += 2 * CHUNK
        found.broken += broken
        found.switches += switches
        if broken and found.first_at is None:
            found.first_at = found.tries
    found.seconds = time.perf_counter() - before
    return found


def main(arguments: list[str]) -> None:
    """Try the programs and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.gil.threads", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--on", action="store_true", help="go on after the first break")
    options = parser.parse_args(arguments)
    sys.setswitchinterval(1e-6)
    for name in options.names or PROGRAMS:
        print(json.dumps({"name": name, **asdict(tried(name, options.tries, until_broken=not options.on))}), flush=True)
    assert "unblink" not in sys.modules


if __name__ == "__main__":
    main(sys.argv[1:])
