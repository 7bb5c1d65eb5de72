"""Runs functions in forked children with a limit of real time: a hang or a crash is one test's failure."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, NoReturn

from tests.fidelity.outcome import CRASHED, FAILED, HUNG, Outcome, outcome_from_json

KEPT_OF_OUTPUT = 6000
TOLD_TO_END = "Timeout ("
"""What faulthandler writes before it ends a child that is late."""


@dataclass(slots=True)
class Child:
    number: int
    process: int
    answers: int
    said: IO[bytes]
    until: float
    answer: bytes = b""


def each(jobs: list[Callable[[], Outcome]], at_once: int, limit: float) -> Iterator[tuple[int, Outcome]]:
    """Yield `(index, outcome)` of each of `jobs` as they end, each run in a child of its own."""
    running: dict[int, Child] = {}
    coming = iter(enumerate(jobs))
    more = True
    while more or running:
        while more and len(running) < at_once:
            following = next(coming, None)
            more = following is not None
            if following is not None:
                child = _start(*following, limit)
                running[child.answers] = child
        readable, _, _ = select.select(list(running), [], [], 0.5)
        for descriptor in readable:
            piece = os.read(descriptor, 65536)
            running[descriptor].answer += piece
            if not piece:
                yield _end(running.pop(descriptor))
        for child in [child for child in running.values() if time.monotonic() > child.until]:
            yield _end(running.pop(child.answers))


def _start(number: int, job: Callable[[], Outcome], limit: float) -> Child:
    said = tempfile.TemporaryFile()
    answers, to_parent = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        os.close(answers)
        _be_child(job, said, to_parent, limit)
    os.close(to_parent)
    return Child(number, process, answers, said, time.monotonic() + limit)


def _be_child(job: Callable[[], Outcome], said: IO[bytes], to_parent: int, limit: float) -> NoReturn:
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        with tempfile.TemporaryDirectory(prefix="fidelity") as place:
            os.chdir(place)
            faulthandler.enable(file=said)
            faulthandler.dump_traceback_later(limit * 0.9, exit=True, file=said)
            try:
                outcome = job()
            except BaseException:
                outcome = Outcome(FAILED, "outside the test:\n" + traceback.format_exc())
            faulthandler.cancel_dump_traceback_later()
            os.write(to_parent, outcome.to_json().encode())
            os.chdir("/")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _end(child: Child) -> tuple[int, Outcome]:
    try:
        os.killpg(child.process, signal.SIGKILL)  # the test's own children too; it leads the group it made
    except ProcessLookupError:
        pass
    _, status = os.waitpid(child.process, 0)
    os.close(child.answers)
    if child.answer:
        return child.number, outcome_from_json(child.answer.decode())
    child.said.seek(0)
    text = child.said.read().decode(errors="replace")[-KEPT_OF_OUTPUT:]
    child.said.close()
    if time.monotonic() > child.until or TOLD_TO_END in text:
        return child.number, Outcome(HUNG, text)
    return child.number, Outcome(CRASHED, f"status {status}\n{text}")
