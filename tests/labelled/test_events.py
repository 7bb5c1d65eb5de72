"""threading.Event: set() happens before the end of a wait() that it lets go on."""

import threading
import time

from .running import together


class Box:
    def __init__(self, n=0):
        self.n = n


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_written_after_set():
    """The waiter may go on at once, and the write comes after set()."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        event.set()
        box.n = 42  # racy

    def consume():
        event.wait()
        seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (0, 42)


def test_race_written_again_after_set():
    """The first write is ordered, the second one is not."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 1
        event.set()
        box.n = 2  # racy

    def consume():
        event.wait()
        seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (1, 2)


def test_race_read_before_wait():
    """The reader waits, but after it has read."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42  # racy
        event.set()

    def consume():
        seen[0] = box.n  # racy
        event.wait()

    together(publish, consume)
    assert seen[0] in (0, 42)


def test_race_outcome_of_wait_ignored():
    """A wait of no time says whether the event was set; who does not look goes on in either case."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42  # racy
        event.set()

    def consume():
        event.wait(timeout=0)
        seen[0] = box.n  # racy

    together(consume, publish)
    assert seen[0] in (0, 42)


def test_race_waiting_for_another_event():
    """The event that is waited for was set before the start, and orders nothing of the other thread."""
    written, opened = threading.Event(), threading.Event()
    opened.set()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42  # racy
        written.set()

    def consume():
        opened.wait()
        seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (0, 42)


def test_race_two_threads_that_wait_for_one_event():
    """The event lets both go on, and orders neither before the other."""
    event = threading.Event()
    box = Box()

    def bump():
        event.wait()
        box.n += 1  # racy

    together(bump, bump, event.set)
    assert box.n in (1, 2)


def test_race_stopped_between_look_and_update():
    """That the event was not set when one looked says nothing about later."""
    stopped = threading.Event()
    box = Box()

    def work():
        if not stopped.is_set():
            box.n += 1  # racy

    def stop():
        stopped.set()
        box.n = -1  # racy

    together(work, stop)
    assert box.n in (-1, 0, 1)


def test_race_set_before_the_work_is_done():
    """Done is said one step too early, in a thread that main waits for by the event only."""
    done = threading.Event()
    results = {"sum": 0}

    def work():
        done.set()
        results["sum"] = 3  # racy

    thread = threading.Thread(target=work)
    thread.start()
    done.wait()
    assert results["sum"] in (0, 3)  # racy
    thread.join()


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_publication():
    """The write happens before set(), set() before the end of wait(), and that before the read."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42
        event.set()

    def consume():
        event.wait()
        seen[0] = box.n

    together(consume, publish)
    assert seen == [42]


def test_no_race_publication_to_many():
    """All who waited read what was written before set()."""
    event = threading.Event()
    box = Box()
    seen = [None, None, None]

    def consume(place):
        event.wait()
        seen[place] = box.n

    def publish():
        box.n = 42
        event.set()

    together(lambda: consume(0), lambda: consume(1), publish, lambda: consume(2))
    assert seen == [42, 42, 42]


def test_no_race_ownership_handed_over():
    """The second thread updates the box after the first one has said that it is done with it."""
    event = threading.Event()
    box = Box()

    def first():
        box.n += 1
        event.set()

    def second():
        event.wait()
        box.n += 1

    together(second, first)
    assert box.n == 2


def test_no_race_there_and_back():
    """Two events pass the box from one thread to the other and back."""
    asked, answered = threading.Event(), threading.Event()
    box = Box()
    seen = [None]

    def ask():
        box.n = 20
        asked.set()
        answered.wait()
        seen[0] = box.n

    def answer():
        asked.wait()
        box.n += 1
        answered.set()

    together(ask, answer)
    assert seen == [21]


def test_no_race_chain_of_events():
    """The first and the third thread are ordered by way of the second, who never touches the box."""
    first, second = threading.Event(), threading.Event()
    box = Box()
    seen = [None]

    def begin():
        box.n = 1
        first.set()

    def pass_on():
        first.wait()
        second.set()

    def end():
        second.wait()
        box.n += 1
        seen[0] = box.n

    together(end, pass_on, begin)
    assert seen == [2]


def test_no_race_outcome_of_wait_heeded():
    """wait() said that the event is set, so set() happened before."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42
        event.set()

    def consume():
        if event.wait(timeout=0):
            seen[0] = box.n

    together(publish, consume)
    assert seen[0] in (None, 42)


def test_no_race_is_set_seen():
    """is_set() said that the event is set, so set() happened before."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42
        event.set()

    def consume():
        if event.is_set():
            seen[0] = box.n

    together(publish, consume)
    assert seen[0] in (None, 42)


def test_no_race_is_set_polled():
    """The loop ends when is_set() has seen set()."""
    event = threading.Event()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42
        event.set()

    def consume():
        while not event.is_set():
            time.sleep(0.001)
        seen[0] = box.n

    together(consume, publish)
    assert seen == [42]


def test_no_race_main_waits_for_the_thread():
    """set() stands after the work, and main reads after wait(), before any join."""
    done = threading.Event()
    results = {"sum": 0}

    def work():
        results["sum"] = 3
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    done.wait()
    results["sum"] += 1
    assert results["sum"] == 4
    thread.join()


def test_no_race_gate_before_the_work():
    """Main configures after the start of the threads, but before it opens the gate."""
    gate = threading.Event()
    config = Box()
    seen = [None, None]

    def work(place):
        gate.wait()
        seen[place] = config.n

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    config.n = 7
    gate.set()
    for thread in threads:
        thread.join()
    assert seen == [7, 7]


def test_no_race_event_used_again_and_again():
    """Each round is asked for and answered: the event is cleared before the answer, and set again after it."""
    asked, answered = threading.Event(), threading.Event()
    box = Box()
    seen = []

    def ask():
        for number in range(3):
            box.n = number
            asked.set()
            answered.wait()
            answered.clear()
            seen.append(box.n)

    def answer():
        for _ in range(3):
            asked.wait()
            asked.clear()
            box.n *= 10
            answered.set()

    together(ask, answer)
    assert seen == [0, 10, 20]
