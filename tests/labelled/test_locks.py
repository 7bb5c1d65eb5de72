"""threading.Lock: a release happens before the next acquisition of the same lock, and of no other."""

import contextlib
import functools
import threading

from .running import together

LOCK = threading.Lock()


class Box:
    def __init__(self, n=0):
        self.n = n


class Account:
    """Every account has a lock of its own."""

    def __init__(self, balance=0):
        self.lock = threading.Lock()
        self.balance = balance

    def deposit(self, amount):
        with self.lock:
            self.balance += amount


def synchronised(function):
    """Run each call of `function` under one lock."""
    lock = threading.Lock()

    @functools.wraps(function)
    def locked(*arguments):
        with lock:
            return function(*arguments)

    return locked


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_lock_on_one_side_only():
    """A lock that the other side does not take orders nothing."""
    lock = threading.Lock()
    box = Box()

    def bump_under_lock():
        with lock:
            box.n += 1  # racy

    def bump():
        box.n += 1  # racy

    together(bump_under_lock, bump)
    assert box.n in (1, 2)


def test_race_different_locks():
    """Each side takes a lock, but not the same one."""
    left, right = threading.Lock(), threading.Lock()
    box = Box()

    def bump(lock):
        with lock:
            box.n += 1  # racy

    together(lambda: bump(left), lambda: bump(right))
    assert box.n in (1, 2)


def test_race_reader_without_the_lock():
    """The writer has the lock, the reader does not ask for it."""
    lock = threading.Lock()
    box = Box()
    seen = [None]

    def write():
        with lock:
            box.n = 1  # racy

    def read():
        seen[0] = box.n  # racy

    together(write, read)
    assert seen[0] in (0, 1)


def test_race_released_before_the_write():
    """The read is under the lock, the write comes after its release."""
    lock = threading.Lock()
    box = Box()

    def bump():
        with lock:
            n = box.n  # racy
        box.n = n + 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_released_before_the_last_read():
    """What is returned is read again after the lock was released."""
    lock = threading.Lock()
    box = Box()
    seen = [None, None]

    def bump(place):
        with lock:
            box.n += 1  # racy
        seen[place] = box.n  # racy

    together(lambda: bump(0), lambda: bump(1))
    assert set(seen) <= {1, 2}


def test_race_lock_of_each_object_for_what_both_share():
    """Each account is locked for itself; the ledger belongs to both."""
    ledger = Box()

    class Booked(Account):
        def book(self):
            with self.lock:
                ledger.n += 1  # racy

    together(Booked().book, Booked().book)
    assert ledger.n in (1, 2)


def test_race_new_lock_for_each_call():
    """A lock that nobody else can know excludes nobody."""
    box = Box()

    def bump():
        with threading.Lock():
            box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_failed_attempt_ignored():
    """Who does not get the lock goes on as if he had it."""
    lock = threading.Lock()
    holding = threading.Event()
    box = Box()

    def hold():
        with lock:
            holding.set()
            box.n += 1  # racy

    def attempt():
        holding.wait()
        got = lock.acquire(blocking=False)
        box.n += 1  # racy
        if got:
            lock.release()

    together(hold, attempt)
    assert box.n in (1, 2)


def test_race_looking_whether_it_is_locked():
    """locked() takes nothing."""
    lock = threading.Lock()
    box = Box()

    def bump_if_free():
        if not lock.locked():
            box.n += 1  # racy

    def bump_under_lock():
        with lock:
            box.n += 1  # racy

    together(bump_if_free, bump_under_lock)
    assert box.n in (1, 2)


def test_race_two_of_three_threads_share_a_lock():
    """The first thread and the third one take one lock, the second one another."""
    box = Box()
    locks = [threading.Lock(), threading.Lock()]

    def bump(place):
        with locks[place % 2]:
            box.n += 1  # racy

    together(lambda: bump(0), lambda: bump(1), lambda: bump(2))
    assert box.n in (1, 2, 3)


def test_race_lock_not_held_by_the_thread_it_starts():
    """Main holds the lock while it starts the thread and joins it later; the thread does not take it."""
    lock = threading.Lock()
    box = Box()

    def bump():
        box.n += 1  # racy

    with lock:
        thread = threading.Thread(target=bump)
        thread.start()
        box.n += 1  # racy
    thread.join()
    assert box.n in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_lock_on_both_sides():
    """Each update is between the acquisition and the release of one lock."""
    lock = threading.Lock()
    box = Box()

    def bump():
        with lock:
            box.n += 1

    together(bump, bump, bump)
    assert box.n == 3


def test_no_race_acquire_and_release_by_hand():
    """The same with try and finally."""
    lock = threading.Lock()
    box = Box()

    def bump():
        lock.acquire()
        try:
            box.n += 1
        finally:
            lock.release()

    together(bump, bump)
    assert box.n == 2


def test_no_race_lock_of_the_module():
    """A lock that was made at import is as good as any."""
    box = Box()

    def bump():
        with LOCK:
            box.n += 1

    together(bump, bump)
    assert box.n == 2


def test_no_race_each_account_under_its_own_lock():
    """Each balance has one lock, and is only touched under it."""
    left, right = Account(), Account()

    def work():
        left.deposit(1)
        right.deposit(2)

    together(work, work)
    assert (left.balance, right.balance) == (2, 4)


def test_no_race_two_locks_in_one_order():
    """What is written under both locks is read under either of them."""
    first, second = threading.Lock(), threading.Lock()
    box = Box()
    seen = [None, None]

    def write():
        with first, second:
            box.n = 1

    def read(place, lock):
        with lock:
            seen[place] = box.n

    together(write, lambda: read(0, first), lambda: read(1, second))
    assert set(seen) <= {0, 1}


def test_no_race_only_who_got_the_lock_writes():
    """A successful attempt is an acquisition like any other; who fails does nothing."""
    lock = threading.Lock()
    box = Box()

    def bump():
        if lock.acquire(blocking=False):
            try:
                box.n += 1
            finally:
                lock.release()

    together(bump, bump)
    assert box.n in (1, 2)


def test_no_race_main_takes_the_lock_as_well():
    """Main updates between start and join, under the lock that the thread takes."""
    lock = threading.Lock()
    box = Box()

    def bump():
        with lock:
            box.n += 1

    thread = threading.Thread(target=bump)
    thread.start()
    bump()
    thread.join()
    assert box.n == 2


def test_no_race_striped_locks():
    """The key decides which lock is taken, so all accesses to one key are under one lock."""
    locks = [threading.Lock(), threading.Lock()]
    counts = [0, 0]

    def bump(key):
        with locks[key]:
            counts[key] += 1

    def work():
        bump(0)
        bump(1)

    together(work, work)
    assert counts == [2, 2]


def test_no_race_transfer_under_both_locks():
    """The locks are taken in one order, and each balance is touched under its own."""
    left, right = Account(10), Account(10)

    def transfer(giver, taker, amount):
        with left.lock, right.lock:
            giver.balance -= amount
            taker.balance += amount

    together(lambda: transfer(left, right, 3), lambda: transfer(right, left, 1))
    assert (left.balance, right.balance) == (8, 12)


def test_no_race_decorator_that_locks():
    """All calls of the decorated function are under one lock."""
    box = Box()

    @synchronised
    def bump(amount):
        box.n += amount

    together(lambda: bump(1), lambda: bump(2))
    assert box.n == 3


def test_no_race_context_that_locks():
    """The generator holds the lock as long as the block runs."""
    lock = threading.Lock()
    box = Box()

    @contextlib.contextmanager
    def updating():
        with lock:
            yield box

    def bump():
        with updating() as own:
            own.n += 1

    together(bump, bump)
    assert box.n == 2


def test_no_race_released_by_an_exception():
    """The exception leaves the block, and with it the lock is released, after the update."""
    lock = threading.Lock()
    box = Box()

    def bump():
        with contextlib.suppress(ValueError), lock:
            box.n += 1
            raise ValueError

    together(bump, bump)
    assert box.n == 2


def test_no_race_hand_over_hand():
    """The lock of the next node is taken before that of this one is released; each value is under its node's lock."""
    nodes = [Account(1), Account(2), Account(3)]

    def bump_all():
        nodes[0].lock.acquire()
        for place, node in enumerate(nodes):
            node.balance += 1
            if place + 1 < len(nodes):
                nodes[place + 1].lock.acquire()
            node.lock.release()

    together(bump_all, bump_all)
    assert [node.balance for node in nodes] == [3, 4, 5]
