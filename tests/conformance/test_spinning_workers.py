"""A body that has failed is told of as it failed, even if its threads never end; nor does it cost the budget."""

import gc
import socket
import sys
import threading
import time

from exploring import explored
from workers import together

import unblink
from unblink.exploration.isolation import in_child


def failing_beside_a_spinning_worker():
    closed = socket.socket()
    closed.close()

    def spin():
        while True:
            try:
                closed.accept()
            except OSError:
                pass

    threading.Thread(target=spin).start()
    raise ValueError("the body's own")


def test_the_bodys_own_exception_is_told_though_a_worker_spins():
    began = time.perf_counter()
    failure = explored(failing_beside_a_spinning_worker, budget="50x").failure
    assert failure.message == "the body's own"
    assert str(failure.kind) == "failure"
    assert failure.waiting == ()
    assert time.perf_counter() - began < 10


def test_a_worker_comes_to_its_end_after_the_body_has_failed():
    def work(ended):
        for _ in range(100):
            time.sleep(0.01)
        ended.append(True)

    def explore():
        ended = []

        def body():
            threading.Thread(target=work, args=(ended,)).start()
            raise ValueError

        result = unblink.explore(body, budget="1x", witnesses=None)
        return result.failure is not None, bool(ended)

    assert in_child(explore) == (True, True)


def test_what_failing_executions_leave_open_is_nobody_elses_affair():
    def body():
        order, lock = [], threading.Lock()

        def work(name):
            with lock:
                order.append(name)

        together(lambda: work("a"), lambda: work("b"))
        if order == ["b", "a"]:  # not in the first execution, which is told of as a plain run is
            kept = [socket.socket()]
            kept.append(kept)  # for the garbage collector, which comes later
            raise ValueError("left something open")

    def explore():
        heard = []
        sys.unraisablehook = heard.append
        result = unblink.explore(body, budget="50x", witnesses=None)
        gc.collect()
        return result.failure is not None, result.executions > 1, len(heard)

    assert in_child(explore) == (True, True, 0)
