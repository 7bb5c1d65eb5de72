"""Semaphores: release() happens before the acquisition that takes its permit."""

import threading

from .running import together


class Box:
    def __init__(self, n=0):
        self.n = n


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_two_permits_are_no_mutex():
    """Both threads get a permit, and nothing orders what they do with it."""
    permits = threading.Semaphore(2)
    box = Box()

    def bump():
        with permits:
            box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_bounded_semaphore_with_two_permits():
    """The bound is for releases; two permits are two permits."""
    permits = threading.BoundedSemaphore(2)
    box = Box()

    def bump():
        with permits:
            box.n += 1  # racy

    together(bump, bump, bump)
    assert box.n in (1, 2, 3)


def test_race_released_before_the_write():
    """The permit is given back between the read and the write."""
    permits = threading.Semaphore(1)
    box = Box()

    def bump():
        with permits:
            n = box.n  # racy
        box.n = n + 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_written_after_the_signal():
    """release() says that the payload is there, and only then it is written."""
    ready = threading.Semaphore(0)
    box = Box()
    seen = [None]

    def publish():
        ready.release()
        box.n = 42  # racy

    def consume():
        ready.acquire()
        seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (0, 42)


def test_race_failed_attempt_ignored():
    """Who gets no permit goes on as if he had one."""
    permits = threading.Semaphore(1)
    holding = threading.Event()
    box = Box()

    def hold():
        with permits:
            holding.set()
            box.n += 1  # racy

    def attempt():
        holding.wait()
        got = permits.acquire(blocking=False)
        box.n += 1  # racy
        if got:
            permits.release()

    together(hold, attempt)
    assert box.n in (1, 2)


def test_race_two_semaphores():
    """Each side takes the permit of another semaphore."""
    left, right = threading.Semaphore(1), threading.Semaphore(1)
    box = Box()

    def bump(permits):
        with permits:
            box.n += 1  # racy

    together(lambda: bump(left), lambda: bump(right))
    assert box.n in (1, 2)


def test_race_one_signal_too_few_awaited():
    """Main waits for one of two workers and reads what both write."""
    done = threading.Semaphore(0)
    results = [0, 0]

    def work(place):
        results[place] = 1  # racy
        done.release()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    done.acquire()
    total = results[0] + results[1]  # racy
    assert total in (1, 2)
    for thread in threads:
        thread.join()


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_one_permit_is_a_mutex():
    """Only one thread has the permit at a time."""
    permits = threading.Semaphore(1)
    box = Box()

    def bump():
        with permits:
            box.n += 1

    together(bump, bump)
    assert box.n == 2


def test_no_race_bounded_semaphore_with_one_permit():
    """The same with the kind that counts its releases."""
    permits = threading.BoundedSemaphore(1)
    box = Box()

    def bump():
        permits.acquire()
        box.n += 1
        permits.release()

    together(bump, bump)
    assert box.n == 2


def test_no_race_signal():
    """The write happens before release(), and the permit cannot be taken before that."""
    ready = threading.Semaphore(0)
    box = Box()
    seen = [None]

    def publish():
        box.n = 42
        ready.release()

    def consume():
        ready.acquire()
        seen[0] = box.n

    together(consume, publish)
    assert seen == [42]


def test_no_race_one_signal_from_each_worker():
    """Main takes as many permits as there are workers, so each of them has released."""
    done = threading.Semaphore(0)
    results = [0, 0]

    def work(place):
        results[place] = place + 1
        done.release()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        done.acquire()
    assert results == [1, 2]
    for thread in threads:
        thread.join()


def test_no_race_start_of_all_at_once():
    """release(2) lets both go on; what main wrote before is only read after."""
    start = threading.Semaphore(0)
    config = Box()
    seen = [None, None]

    def work(place):
        start.acquire()
        seen[place] = config.n

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    config.n = 7
    start.release(2)
    for thread in threads:
        thread.join()
    assert seen == [7, 7]


def test_no_race_two_semaphores_take_turns():
    """Each thread releases the semaphore that the other one waits for."""
    mine, yours = threading.Semaphore(1), threading.Semaphore(0)
    box = Box()

    def play(own, other):
        for _ in range(2):
            own.acquire()
            box.n += 1
            other.release()

    together(lambda: play(mine, yours), lambda: play(yours, mine))
    assert box.n == 4


def test_no_race_only_who_got_the_permit_writes():
    """A successful attempt is an acquisition like any other."""
    permits = threading.Semaphore(1)
    box = Box()

    def bump():
        if permits.acquire(blocking=False):
            box.n += 1
            permits.release()

    together(bump, bump)
    assert box.n in (1, 2)


def test_no_race_two_permits_and_a_lock():
    """The semaphore lets two in, and the lock orders what they do."""
    permits = threading.Semaphore(2)
    lock = threading.Lock()
    box = Box()

    def bump():
        with permits, lock:
            box.n += 1

    together(bump, bump, bump)
    assert box.n == 3
