"""threading.Condition: its lock orders, whatever is notified; wait() releases the lock and acquires it again."""

import threading
from collections import deque

from .running import together


class Box:
    def __init__(self):
        self.n = 0
        self.ready = False


class Buffer:
    """One lock, two conditions."""

    def __init__(self, size):
        self.lock = threading.Lock()
        self.not_empty = threading.Condition(self.lock)
        self.not_full = threading.Condition(self.lock)
        self.items = deque()
        self.size = size

    def put(self, item):
        with self.not_full:
            while len(self.items) == self.size:
                self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()

    def get(self):
        with self.not_empty:
            while not self.items:
                self.not_empty.wait()
            item = self.items.popleft()
            self.not_full.notify()
            return item


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_predicate_set_outside_of_the_lock():
    """The waiter reads the flag under the lock, but the notifier sets it before he takes the lock."""
    condition = threading.Condition()
    box = Box()

    def notify():
        box.ready = True  # racy
        with condition:
            condition.notify()

    def wait():
        with condition:
            while not box.ready:  # racy
                condition.wait()

    together(wait, notify)
    assert box.ready


def test_race_payload_written_after_the_notification():
    """The waiter may go on as soon as the lock is released, and the payload comes after that."""
    condition = threading.Condition()
    box = Box()
    seen = [None]

    def notify():
        with condition:
            box.ready = True
            condition.notify()
        box.n = 42  # racy

    def wait():
        with condition:
            while not box.ready:
                condition.wait()
        seen[0] = box.n  # racy

    together(wait, notify)
    assert seen[0] in (0, 42)


def test_race_first_look_without_the_lock():
    """The look that is to save the lock is unordered with the write under the lock."""
    condition = threading.Condition()
    box = Box()

    def notify():
        with condition:
            box.ready = True  # racy
            condition.notify()

    def wait():
        if not box.ready:  # racy
            with condition:
                while not box.ready:
                    condition.wait()

    together(notify, wait)
    assert box.ready


def test_race_woken_threads_update_outside_of_the_lock():
    """notify_all() lets both go on, and what they do after the block is unordered."""
    condition = threading.Condition()
    box = Box()
    total = Box()

    def wait():
        with condition:
            while not box.ready:
                condition.wait()
        total.n += 1  # racy

    def notify():
        with condition:
            box.ready = True
            condition.notify_all()

    together(wait, wait, notify)
    assert total.n in (1, 2)


def test_race_wait_that_did_not_wait():
    """A wait of no time ends without a notification, and the payload is read all the same."""
    condition = threading.Condition()
    box = Box()
    seen = [None]

    def notify():
        with condition:
            box.n = 42  # racy
            condition.notify()

    def wait():
        with condition:
            condition.wait(timeout=0)
        seen[0] = box.n  # racy

    together(wait, notify)
    assert seen[0] in (0, 42)


def test_race_conditions_with_two_locks():
    """Each side holds the lock of its own condition."""
    left, right = threading.Condition(), threading.Condition()
    box = Box()

    def bump(condition):
        with condition:
            box.n += 1  # racy
            condition.notify()

    together(lambda: bump(left), lambda: bump(right))
    assert box.n in (1, 2)


def test_race_notifier_reads_the_answer_without_waiting():
    """The waiter answers some time after he was woken; the notifier looks at once."""
    condition = threading.Condition()
    box = Box()
    answer = Box()
    seen = [None]

    def notify():
        with condition:
            box.ready = True
            condition.notify()
        seen[0] = answer.n  # racy

    def wait():
        with condition:
            while not box.ready:
                condition.wait()
        answer.n = 1  # racy

    together(wait, notify)
    assert seen[0] in (0, 1)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_waiting_in_a_loop():
    """The flag is only touched under the lock."""
    condition = threading.Condition()
    box = Box()

    def notify():
        with condition:
            box.ready = True
            condition.notify()

    def wait():
        with condition:
            while not box.ready:
                condition.wait()

    together(wait, notify)
    assert box.ready


def test_no_race_payload_written_before_the_flag():
    """Who saw the flag under the lock acquired it after its release, and the payload was written before that."""
    condition = threading.Condition()
    box = Box()
    seen = [None]

    def notify():
        box.n = 42
        with condition:
            box.ready = True
            condition.notify()

    def wait():
        with condition:
            while not box.ready:
                condition.wait()
        seen[0] = box.n

    together(wait, notify)
    assert seen == [42]


def test_no_race_wait_for():
    """wait_for() calls the predicate under the lock."""
    condition = threading.Condition()
    box = Box()
    seen = [None]

    def notify():
        with condition:
            box.n = 42
            box.ready = True
            condition.notify_all()

    def wait():
        with condition:
            condition.wait_for(lambda: box.ready)
            seen[0] = box.n

    together(wait, notify)
    assert seen == [42]


def test_no_race_bounded_buffer():
    """Two conditions on one lock are one lock."""
    buffer = Buffer(1)
    got = [None, None]

    def produce():
        buffer.put(1)
        buffer.put(2)

    def consume(place):
        got[place] = buffer.get()

    together(produce, lambda: consume(0), lambda: consume(1))
    assert sorted(got) == [1, 2]


def test_no_race_object_through_a_buffer():
    """Put and get are under one lock, and the object is touched by who has it."""
    buffer = Buffer(1)
    seen = [None]

    def produce():
        box = Box()
        box.n = 1
        buffer.put(box)

    def consume():
        box = buffer.get()
        box.n += 1
        seen[0] = box.n

    together(produce, consume)
    assert seen == [2]


def test_no_race_gate_opened_for_all():
    """notify_all() wakes both; what was set before the gate opened is only read after it."""
    condition = threading.Condition()
    gate = Box()
    seen = [None, None]

    def wait(place):
        with condition:
            condition.wait_for(lambda: gate.ready)
        seen[place] = gate.n

    def open_gate():
        gate.n = 7
        with condition:
            gate.ready = True
            condition.notify_all()

    together(lambda: wait(0), lambda: wait(1), open_gate)
    assert seen == [7, 7]


def test_no_race_taking_turns():
    """Whose turn it is stands under the lock; what is done in a turn needs no lock."""
    condition = threading.Condition()
    turn = {"of": 0}
    box = Box()

    def play(me):
        for _ in range(2):
            with condition:
                while turn["of"] != me:
                    condition.wait()
            box.n += 1
            with condition:
                turn["of"] = 1 - me
                condition.notify()

    together(lambda: play(0), lambda: play(1))
    assert box.n == 4


def test_no_race_lock_of_the_condition_taken_directly():
    """`with lock` and `with condition` hold the same lock."""
    lock = threading.Lock()
    condition = threading.Condition(lock)
    box = Box()

    def through_the_lock():
        with lock:
            box.n += 1

    def through_the_condition():
        with condition:
            box.n += 1

    together(through_the_lock, through_the_condition)
    assert box.n == 2


def test_no_race_wait_releases_an_rlock_held_twice():
    """A condition's own lock is an RLock, and wait() gives up both holdings and gets both back."""
    condition = threading.Condition()
    box = Box()

    def notify():
        with condition, condition:
            box.n += 1
            box.ready = True
            condition.notify()

    def wait():
        with condition, condition:
            while not box.ready:
                condition.wait()
            box.n += 1

    together(wait, notify)
    assert box.n == 2


def test_no_race_countdown_latch():
    """Whoever counts down released the lock before main saw zero under it."""
    condition = threading.Condition()
    latch = {"left": 2}
    results = [None, None]

    def work(place):
        results[place] = place + 1
        with condition:
            latch["left"] -= 1
            if latch["left"] == 0:
                condition.notify()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    with condition:
        while latch["left"]:
            condition.wait()
    assert results == [1, 2]
    for thread in threads:
        thread.join()
