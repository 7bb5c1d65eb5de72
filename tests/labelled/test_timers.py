"""threading.Timer: start() happens before its call, and the call before the end of join()."""

import queue
import threading

from .running import together

SOON = 0.001


class Box:
    def __init__(self, n=0):
        self.n = n


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_timer_against_main():
    """Main updates the box while the timer may be doing so."""
    box = Box()

    def bump():
        box.n += 1  # racy

    timer = threading.Timer(0, bump)
    timer.start()
    box.n += 1  # racy
    timer.join()
    assert box.n in (1, 2)


def test_race_two_timers():
    """That one of them is due later orders nothing: a late timer is late."""
    box = Box()

    def bump():
        box.n += 1  # racy

    timers = [threading.Timer(0, bump), threading.Timer(0, bump)]
    for timer in timers:
        timer.start()
    for timer in timers:
        timer.join()
    assert box.n in (1, 2)


def test_race_cancel_does_not_wait():
    """cancel() comes too late for a call that has begun, and does not wait for its end."""
    box = Box()
    begun = threading.Event()

    def expire():
        begun.set()
        box.n = -1  # racy

    timer = threading.Timer(0, expire)
    timer.start()
    begun.wait()
    timer.cancel()
    seen = box.n  # racy
    timer.join()
    assert seen in (0, -1)


def test_race_timer_against_a_thread():
    """The timer's call and the thread update one item."""
    counts = {"n": 0}

    def bump():
        counts["n"] += 1  # racy

    timer = threading.Timer(0, bump)
    timer.start()
    together(bump)
    timer.join()
    assert counts["n"] in (1, 2)


def test_race_slept_long_enough():
    """A pause that is longer than the timer's is no synchronisation."""
    box = Box()
    pause = threading.Event()

    def ring():
        box.n = 1  # racy

    timer = threading.Timer(SOON, ring)
    timer.start()
    pause.wait(2 * SOON)
    seen = box.n  # racy
    timer.join()
    assert seen in (0, 1)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_timer_joined():
    """The call happens before the end of join()."""
    box = Box()

    def bump():
        box.n += 1

    timer = threading.Timer(SOON, bump)
    timer.start()
    timer.join()
    box.n += 1
    assert box.n == 2


def test_no_race_cancelled_and_joined():
    """Whether the call came or not, join() comes before main's read."""
    box = Box()

    def expire():
        box.n = -1

    timer = threading.Timer(SOON, expire)
    timer.start()
    timer.cancel()
    timer.join()
    assert box.n in (0, -1)


def test_no_race_set_up_before_the_start():
    """Main's write happens before start(), and that before the call."""
    box = Box()
    seen = queue.Queue()
    timer = threading.Timer(SOON, lambda: seen.put(box.n))
    box.n = 7
    timer.start()
    assert seen.get() == 7
    timer.join()


def test_no_race_timer_sets_an_event():
    """The write happens before set(), and main waits for that."""
    box = Box()
    rung = threading.Event()

    def ring():
        box.n = 1
        rung.set()

    timer = threading.Timer(SOON, ring)
    timer.start()
    rung.wait()
    box.n += 1
    assert box.n == 2
    timer.join()


def test_no_race_timer_under_a_lock():
    """Both sides take the lock."""
    lock = threading.Lock()
    box = Box()

    def bump():
        with lock:
            box.n += 1

    timer = threading.Timer(0, bump)
    timer.start()
    bump()
    timer.join()
    assert box.n == 2


def test_no_race_chain_of_timers():
    """Each call starts the timer of the next one."""
    box = Box()
    over = threading.Event()

    def step():
        box.n += 1
        if box.n < 3:
            threading.Timer(SOON, step).start()
        else:
            over.set()

    threading.Timer(SOON, step).start()
    over.wait()
    assert box.n == 3
