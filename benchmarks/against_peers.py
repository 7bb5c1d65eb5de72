"""Executions a second beside other tools, on two threads that do one `+=` each, and a hundred, by turns in one run.

With one each, most of an execution is what two `threading.Thread`s cost to be made, started and joined; the peers
start tasks of their own. With a hundred each, most of it is scheduling.
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

from benchmarks.foreign import peers_bin
from benchmarks.loading import ROOT, explore_loop, prepare
from benchmarks.measuring import Best, by_turns
from benchmarks.programs import threads
from benchmarks.row import Row

PROGRAMS = {1: 1000, 100: 1000}  # `+=` of each thread: our executions for one measurement
ROUNDS = 8


class Peer:
    """Another tool in a process of its own; it explores once each time it is asked to."""

    def __init__(self, command: list[str], stack: ExitStack) -> None:
        self.rate_wall = self.rate_cpu = 0.0
        self._process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        self.runs = self._line() == "ready"

    def explore(self) -> None:
        """Have it explore once; its best rates count."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        count, wall, cpu = map(float, self._line().split())
        self.rate_wall = max(self.rate_wall, count / wall)
        self.rate_cpu = max(self.rate_cpu, count / cpu)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def rows() -> list[Row]:
    """Measure."""
    prepare()
    return [row for times, count in PROGRAMS.items() for row in _rows(times, count)]


def _rows(times: int, count: int) -> list[Row]:
    programs = peers_bin()
    folder = ROOT / "benchmarks" / "peers"
    commands = {
        "frontrun": [str(programs / "frontrun"), str(programs / "python"), str(folder / "for_frontrun.py"), str(times)],
        "interleave-test": [str(programs / "python"), str(folder / "for_interleave_test.py"), str(times)],
    }
    body = threads.increments(2, times)
    with ExitStack() as stack:
        peers = {name: Peer(command, stack) for name, command in commands.items() if Path(command[0]).exists()}
        works = {name: peer.explore for name, peer in peers.items() if peer.runs}
        ours = by_turns({"ours": explore_loop(body, count), **works}, ROUNDS)["ours"]
        return [row for name, peer in peers.items() for row in _compared(f"{times} += each, {name}", peer, ours, count)]


def _compared(name: str, peer: Peer, ours: Best, count: int) -> list[Row]:
    if not peer.runs:
        return [Row("peers", f"{name} does not run on this Python", 0.0, "")]
    wall, cpu = count / ours.wall, count / ours.cpu
    note = f"{wall:,.0f}/s to {peer.rate_wall:,.0f}/s"
    return [
        Row("peers", f"{name}: our executions per second to its", wall / peer.rate_wall, "x", 50.0, note=note),
        Row(
            "peers",
            f"{name}: the same per processor second",
            cpu / peer.rate_cpu,
            "x",
            note=f"{cpu:,.0f}/s to {peer.rate_cpu:,.0f}/s",
        ),
    ]
