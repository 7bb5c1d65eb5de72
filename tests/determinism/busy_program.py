"""A program that uses much of what the ground controls. Run as a script it prints its trace as JSON."""

from __future__ import annotations

import json
import queue
import random
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

EPOCH_NS = 1_700_000_000 * 10**9


def busy() -> list[Any]:
    """Return what depends on the order of its threads, on the clock and on chance."""
    order: list[Any] = []
    lock, items, local = threading.RLock(), queue.Queue(1), threading.local()
    ready, simple = threading.Condition(), queue.SimpleQueue()

    def produce(name: str) -> None:
        local.name = name
        for number in range(2):
            items.put((local.name, number))
            simple.put(number)
            with lock:
                order.append((local.name, round(time.time() - EPOCH_NS / 1e9, 6)))

    def consume() -> None:
        for _ in range(4):
            order.append(items.get())
        with ready:
            order.append(random.random())
            ready.notify_all()

    threads = [threading.Thread(target=produce, args=(name,)) for name in ("left", "right")]
    threads.append(threading.Thread(target=consume))
    timer = threading.Timer(0.5, order.append, args=("timer",))
    for thread in (*threads, timer):
        thread.start()
    with ready:
        ready.wait(0.01)
    with ThreadPoolExecutor(2) as pool:
        order += pool.map(lambda n: (n, str(uuid.uuid4())), range(3))
    for thread in (*threads, timer):
        thread.join()
    order.append(simple.qsize())
    return order


def trace_of(strategy: str, seed: int, body: Any = busy) -> tuple[list[str], Any]:
    """Return one execution's visible operations, by task and name of the site, and what the body gave."""
    from unblink import _native
    from unblink.ground import Sources, control

    with control.installed():
        _native.forget(False)  # which sites are points is learned from execution to execution
        run = control.run(body, strategy, seed, stall_ns=0, epoch_ns=EPOCH_NS)
        sources = Sources(str(Path(__file__).parent))
        entries = [f"{task} {sources.name(site)}" for task, _, site in _native.trace()]
    if run.exception is not None:
        raise run.exception
    return entries, run.value


if __name__ == "__main__":
    print(json.dumps(trace_of(sys.argv[1], int(sys.argv[2]))))
