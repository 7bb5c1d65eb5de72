"""A peer's side: for each line on stdin, explore once; answer with executions, wall seconds and processor seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def serve(explore: Callable[[], int]) -> None:
    """Answer until stdin ends."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what the peer prints is no answer
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        executions = explore()
        print(executions, time.perf_counter() - wall, time.process_time() - cpu, file=answers, flush=True)
