"""A program may have greenlets of its own: a task goes on in the one in which it stopped, not in the one below."""

import queue
import threading
import time

from exploring import answers
from greenlet import getcurrent, greenlet
from workers import started, together


def test_a_greenlet_that_waits_is_gone_on_with(alike):
    def body():
        arrived, seen = queue.SimpleQueue(), []

        def within(number):
            got = arrived.get()
            time.sleep(1)
            back = getcurrent().parent.switch(("asks", number))
            return got, back

        def work(number):
            child = greenlet(within)
            seen.append(child.switch(number))
            seen.append(child.switch("answer"))
            seen.append(child.dead)

        thread = threading.Thread(target=work, args=(7,))
        thread.start()
        time.sleep(0.1)
        arrived.put("item")
        thread.join()
        return seen

    assert alike(body) == ("value", [("asks", 7), ("item", "answer"), True])


def test_threads_are_started_and_exceptions_pass_from_within_a_greenlet(alike):
    def body():
        lock, seen = threading.Lock(), []

        def within():
            together(lambda: seen.append("thread"))
            with lock:
                raise ValueError("from within")

        def work():
            try:
                greenlet(within).switch()
            except ValueError as error:
                seen.append(str(error))

        with lock:
            thread = started(work)
            time.sleep(0.1)
        thread.join()
        return seen

    assert alike(body) == ("value", ["thread", "from within"])


def test_greenlets_of_two_threads_meet_in_every_order():
    def body():
        order, lock = [], threading.Lock()

        def within(name):
            for step in (1, 2):
                with lock:
                    order.append(f"{name}{step}")

        together(lambda: greenlet(within).switch("a"), lambda: greenlet(within).switch("b"))
        return " ".join(order)

    assert answers(body) == {"a1 a2 b1 b2", "a1 b1 a2 b2", "a1 b1 b2 a2", "b1 a1 a2 b2", "b1 a1 b2 a2", "b1 b2 a1 a2"}


def test_one_that_is_left_waiting_is_ended_with_its_task(controlled):
    ended = []

    def body():
        began = threading.Event()

        def within():
            try:
                began.set()
                threading.Event().wait()
            finally:
                ended.append(True)

        threading.Thread(target=lambda: greenlet(within).switch(), daemon=True).start()
        began.wait()

    assert controlled(body).exception is None
    assert ended == [True]
