"""threading.RLock: only the last of its releases releases it."""

import threading

from .running import together


class Tree:
    """Its methods call each other, all under one RLock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.size = 0

    def add(self):
        with self.lock:
            self.size += 1

    def add_two(self):
        with self.lock:
            self.add()
            self.add()

    def add_and_look(self):
        with self.lock:
            self.add()
            return self.size

    def add_carelessly(self):
        with self.lock:
            self.add()
        self.size += 1  # racy

    def add_unlocked(self):
        self.size += 1  # racy


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_after_the_last_release():
    """The second update comes after the last release."""
    tree = Tree()

    def work():
        tree.add_carelessly()

    def other():
        with tree.lock:
            tree.size += 1  # racy

    together(work, other)
    assert tree.size in (2, 3)


def test_race_rlock_on_one_side_only():
    """One method does not take the lock of the others."""
    tree = Tree()

    def other():
        with tree.lock, tree.lock:
            tree.size += 1  # racy

    together(tree.add_unlocked, other)
    assert tree.size in (1, 2)


def test_race_different_rlocks():
    """Two trees have two locks; the sum belongs to both."""
    first, second = Tree(), Tree()
    total = {"n": 0}

    def bump(tree):
        with tree.lock:
            total["n"] += 1  # racy

    together(lambda: bump(first), lambda: bump(second))
    assert total["n"] in (1, 2)


def test_race_rlock_and_lock():
    """A Lock and an RLock are two locks."""
    one, other = threading.Lock(), threading.RLock()
    total = {"n": 0}

    def bump(lock):
        with lock:
            total["n"] += 1  # racy

    together(lambda: bump(one), lambda: bump(other))
    assert total["n"] in (1, 2)


def test_race_released_by_hand_once_too_early():
    """acquire, release, update, acquire, release: the update is between two holdings."""
    lock = threading.RLock()
    total = {"n": 0}

    def bump():
        lock.acquire()
        lock.release()
        total["n"] += 1  # racy
        lock.acquire()
        lock.release()

    together(bump, bump)
    assert total["n"] in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_recursion():
    """Every update is under the lock, held once or twice."""
    tree = Tree()
    together(tree.add_two, tree.add, tree.add_two)
    assert tree.size == 5


def test_no_race_after_an_inner_release():
    """The inner release does not release: the read after it is still under the lock."""
    tree = Tree()
    seen = [None, None]

    def work(place):
        seen[place] = tree.add_and_look()

    together(lambda: work(0), lambda: work(1))
    assert sorted(seen) == [1, 2]


def test_no_race_update_between_two_releases_by_hand():
    """The lock was acquired twice and released once when the update comes."""
    lock = threading.RLock()
    total = {"n": 0}

    def bump():
        lock.acquire()
        lock.acquire()
        lock.release()
        total["n"] += 1
        lock.release()

    together(bump, bump)
    assert total["n"] == 2


def test_no_race_recursive_function():
    """Each level acquires the lock again."""
    lock = threading.RLock()
    total = {"n": 0}

    def bump(levels):
        with lock:
            total["n"] += 1
            if levels:
                bump(levels - 1)
            total["n"] += 1

    together(lambda: bump(2), lambda: bump(1))
    assert total["n"] == 10


def test_no_race_published_by_a_flag_under_an_rlock():
    """Who has seen the flag acquired the lock after its last release."""
    lock = threading.RLock()
    box = {"payload": None}
    said = {"ready": False}
    seen = [None]

    def publish():
        box["payload"] = 42
        with lock, lock:
            said["ready"] = True

    def consume():
        with lock:
            ready = said["ready"]
        if ready:
            seen[0] = box["payload"]

    together(publish, consume)
    assert seen[0] in (None, 42)


def test_no_race_attempt_by_its_own_holder():
    """The holder's second acquisition succeeds at once and changes nothing."""
    lock = threading.RLock()
    total = {"n": 0}

    def bump():
        with lock:
            assert lock.acquire(blocking=False)
            total["n"] += 1
            lock.release()
            total["n"] += 1

    together(bump, bump)
    assert total["n"] == 4
