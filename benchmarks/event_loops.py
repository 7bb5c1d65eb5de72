"""Explorations of asyncio and of HTTP over loopback, beside plain runs, and beside a peer that explores asyncio."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

from benchmarks.against_peers import Peer
from benchmarks.beside_plain import REPETITIONS, compared
from benchmarks.foreign import peers_bin
from benchmarks.loading import ROOT, explore_loop, load_both, prepare
from benchmarks.measuring import by_turns
from benchmarks.row import Row

EXPLORED, PLAIN = 1000, 50


def rows() -> list[Row]:
    """Measure."""
    prepare()
    plain, hooked = load_both(ROOT / "benchmarks/programs/loops.py", "loops")
    loop = asyncio.new_event_loop()
    bodies = {
        "asyncio.run, two tasks, three sleep(0) each": (lambda of: of.run_afresh(0), 4000),
        "asyncio.run, two tasks, three timers each": (lambda of: of.run_afresh(0.1), 4000),
        "one loop for all, three sleep(0) each": (lambda of: of.run_on(loop, 0), 10_000),
        "one loop for all, three timers each": (lambda of: of.run_on(loop, 0.1), 10_000),
        "one HTTP request over loopback": (lambda of: of.one_request, 1000),
    }
    found = []
    for title, (make, target) in bodies.items():
        both, _ = compared(
            "event_loops", title, make(hooked), make(plain),
            explored=EXPLORED, runs=PLAIN, target=target, of="plain runs",
        )  # fmt: skip
        found.extend(both)
    loop.close()
    return found + _beside_the_peer(hooked)


def _beside_the_peer(hooked: object) -> list[Row]:
    programs = peers_bin()
    command = [
        str(programs / "frontrun"),
        str(programs / "python"),
        str(ROOT / "benchmarks/peers/for_frontrun_asyncio.py"),
    ]
    if not Path(command[0]).exists():
        return []
    with ExitStack() as stack:
        peer = Peer(command, stack)
        if not peer.runs:
            return [Row("event_loops", "frontrun does not run on this Python", 0.0, "")]
        body = hooked.run_afresh(0)  # type: ignore[attr-defined]
        ours = by_turns({"ours": explore_loop(body, EXPLORED, "random"), "frontrun": peer.explore}, REPETITIONS)["ours"]
    rate = EXPLORED / ours.wall
    note = f"{rate:,.0f}/s to {peer.rate_wall:,.0f}/s"
    title = "two tasks, three sleep(0) each, frontrun: our executions per second to its"
    return [Row("event_loops", title, rate / peer.rate_wall, "x", note=note)]
