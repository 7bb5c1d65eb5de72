from __future__ import annotations

import re
import sys
import threading
import time
from _thread import allocate_lock, get_ident

import pytest
from workers import together

TOO_LONG = threading.TIMEOUT_MAX * 2


def test_a_lock_is_taken_once_and_refuses_a_second_taker(alike):
    def body():
        lock = threading.Lock()
        return lock.acquire(), lock.locked(), lock.acquire(False), lock.acquire(timeout=0.001), lock.release()

    alike(body)


def test_a_lock_that_nobody_holds_cannot_be_released(alike):
    assert alike(lambda: threading.Lock().release()) == ("RuntimeError", "release unlocked lock")


@pytest.mark.parametrize("arguments", [(False, 1), (True, -2), (True, TOO_LONG), (True, "1"), (True, float("nan"))])
@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock, allocate_lock])
def test_nonsense_timeouts_are_refused_in_the_same_words(alike, kind, arguments):
    kind_of_error, _ = alike(lambda: kind().acquire(*arguments))
    assert kind_of_error in ("ValueError", "OverflowError", "TypeError")


@pytest.mark.parametrize("keywords", [{"wait": 1}, {"blocking": True, "timeout": -1}, {"timeout": 0}, {"blocking": 0}])
@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
def test_keywords_of_acquire_are_read_alike(alike, kind, keywords):
    alike(lambda: kind().acquire(**keywords))


def test_a_lock_may_be_released_by_a_thread_that_did_not_take_it(alike):
    def body():
        lock = threading.Lock()
        lock.acquire()
        other = threading.Thread(target=lock.release)
        other.start()
        taken = lock.acquire(timeout=5)
        other.join()
        return taken, lock.locked()

    alike(body)


def test_an_old_name_of_a_lock_s_methods_works(alike):
    def body():
        lock = allocate_lock()
        return lock.acquire_lock(), lock.locked_lock(), lock.release_lock(), lock.locked()

    alike(body)


def test_a_reentrant_lock_counts_its_owner_s_takings(alike):
    def body():
        lock = threading.RLock()
        seen = [lock._is_owned()]
        with lock, lock:
            seen.append(lock._is_owned())
            other = threading.Thread(target=lambda: seen.append((lock._is_owned(), lock.acquire(False))))
            other.start()
            other.join()
            lock.release()
            seen.append(lock._is_owned())
            lock.acquire()
        return seen, lock._is_owned(), lock.acquire(False)

    alike(body)


def test_only_its_owner_releases_a_reentrant_lock(alike):
    def body():
        lock, problems = threading.RLock(), []

        def release():
            try:
                lock.release()
            except RuntimeError as problem:
                problems.append(str(problem))

        with lock:
            other = threading.Thread(target=release)
            other.start()
            other.join()
        release()
        return problems

    assert alike(body) == ("value", ["cannot release un-acquired lock"] * 2)


def test_the_text_of_a_reentrant_lock_names_its_owner_and_count(alike):
    def body():
        lock = threading.RLock()
        before = re.sub("0x[0-9a-f]+", "@", repr(lock))
        with lock, lock:
            during = repr(lock)
            names_me = f"owner={get_ident()} count=2" in during
        return before, names_me, re.sub("0x[0-9a-f]+", "@", repr(lock))

    alike(body)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has no _recursion_count()")
def test_the_recursion_count_is_the_owner_s_alone(alike):
    def body():
        lock, seen = threading.RLock(), []
        with lock, lock:
            seen.append(lock._recursion_count())
            other = threading.Thread(target=lambda: seen.append(lock._recursion_count()))
            other.start()
            other.join()
        return seen, lock._recursion_count()

    alike(body)


def test_a_lock_s_timeout_takes_as_long_as_asked(alike):
    def body():
        lock = threading.Lock()
        lock.acquire()
        before = time.monotonic()
        return lock.acquire(timeout=0.02), 0.02 <= time.monotonic() - before < 2

    alike(body)


def test_many_threads_under_one_lock_lose_no_update(alike):
    def body():
        lock, total = threading.Lock(), [0]

        def work():
            for _ in range(20):
                with lock:
                    total[0] += 1

        together(*[work] * 4)
        return total

    assert alike(body) == ("value", [80])


def test_a_semaphore_admits_as_many_as_it_says(alike):
    def body():
        semaphore = threading.Semaphore(2)
        taken = [semaphore.acquire(blocking=False) for _ in range(3)]
        late = semaphore.acquire(timeout=0.002)
        semaphore.release(2)
        return taken, late, semaphore.acquire(timeout=1), repr(semaphore).split(":")[-1]

    alike(body)


def test_a_bounded_semaphore_refuses_one_release_too_many(alike):
    assert alike(lambda: threading.BoundedSemaphore(1).release()) == (
        "ValueError",
        "Semaphore released too many times",
    )


@pytest.mark.parametrize("make", [lambda: threading.Semaphore(-1), lambda: threading.Semaphore(1).release(0)])
def test_nonsense_counts_of_a_semaphore_are_refused(alike, make):
    assert alike(make)[0] == "ValueError"


def test_a_waiter_for_a_semaphore_is_let_in_by_a_release(alike):
    def body():
        semaphore, seen = threading.Semaphore(0), []
        waiting = threading.Thread(target=lambda: seen.append(semaphore.acquire(timeout=5)))
        waiting.start()
        semaphore.release()
        waiting.join()
        return seen

    alike(body)
