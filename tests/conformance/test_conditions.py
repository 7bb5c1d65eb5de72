from __future__ import annotations

import threading
import time

import pytest


def test_waiting_without_the_lock_is_refused(alike):
    assert alike(lambda: threading.Condition().wait(1)) == ("RuntimeError", "cannot wait on un-acquired lock")


def test_notifying_without_the_lock_is_refused(alike):
    assert alike(lambda: threading.Condition().notify()) == (
        "RuntimeError",
        "cannot notify on un-acquired lock",
    )


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_notified_waiter_goes_on_with_the_lock(alike, make):
    def body():
        condition, ready, seen = threading.Condition(make()), [], []

        def wait():
            with condition:
                seen.append(condition.wait_for(lambda: ready, timeout=5))

        waiting = threading.Thread(target=wait)
        waiting.start()
        with condition:
            ready.append("set")
            condition.notify()
        waiting.join()
        return seen

    alike(body)


def test_a_wait_that_nobody_ends_times_out(alike):
    def body():
        condition = threading.Condition()
        before = time.monotonic()
        with condition:
            return condition.wait(0.02), 0.02 <= time.monotonic() - before < 2, condition.wait(0)

    assert alike(body) == ("value", (False, True, False))


def test_wait_for_gives_what_the_predicate_gave_last(alike):
    def body():
        condition, calls = threading.Condition(), []
        with condition:
            return condition.wait_for(lambda: calls.append(1), timeout=0.01), 1 <= len(calls) <= 2

    alike(body)


def test_a_condition_over_a_reentrant_lock_gives_all_of_it_up(alike):
    def body():
        condition, seen = threading.Condition(), []

        def wait():
            with condition, condition:
                seen.append(condition.wait(5))
                seen.append(condition._is_owned())

        waiting = threading.Thread(target=wait)
        waiting.start()
        while waiting.is_alive():
            with condition:
                condition.notify_all()
            time.sleep(0.001)
        return seen

    alike(body)


def test_notify_all_wakes_every_waiter(alike):
    def body():
        condition, waiting, woken = threading.Condition(), [], []

        def wait():
            with condition:
                waiting.append(1)
                condition.wait(5)
                woken.append(1)

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(waiting) < 3:
            time.sleep(0.001)
        with condition:
            condition.notify_all()
        for thread in threads:
            thread.join()
        return len(woken)

    alike(body)


def test_an_event_lets_waiters_go_on_until_it_is_cleared(alike):
    def body():
        event, seen = threading.Event(), []
        waiting = threading.Thread(target=lambda: seen.append(event.wait(5)))
        waiting.start()
        event.set()
        waiting.join()
        seen.append(event.is_set())
        event.clear()
        return seen, event.wait(0.002), event.is_set()

    assert alike(body) == ("value", ([True, True], False, False))


def test_a_barrier_gives_each_party_its_own_number(alike):
    def body():
        numbers, acted = [], []
        barrier = threading.Barrier(3, action=lambda: acted.append(1))
        threads = [threading.Thread(target=lambda: numbers.append(barrier.wait())) for _ in range(2)]
        for thread in threads:
            thread.start()
        numbers.append(barrier.wait(5))
        for thread in threads:
            thread.join()
        return sorted(numbers), acted, barrier.n_waiting, barrier.broken

    assert alike(body) == ("value", ([0, 1, 2], [1], 0, False))


def test_a_barrier_that_waits_too_long_is_broken(alike):
    def body():
        barrier = threading.Barrier(2)
        try:
            barrier.wait(0.005)
        except threading.BrokenBarrierError:
            return barrier.broken, barrier.n_waiting

    assert alike(body) == ("value", (True, 0))


@pytest.mark.parametrize("end", ["abort", "reset"])
def test_ending_a_barrier_ends_its_waiters(alike, end):
    def body():
        barrier, seen = threading.Barrier(2), []

        def wait():
            try:
                barrier.wait()
            except threading.BrokenBarrierError as problem:
                seen.append(repr(problem))

        waiting = threading.Thread(target=wait)
        waiting.start()
        while barrier.n_waiting == 0:
            time.sleep(0.001)
        getattr(barrier, end)()
        waiting.join()
        return seen, barrier.broken

    alike(body)


def test_a_barrier_whose_action_fails_is_broken(alike):
    def body():
        barrier = threading.Barrier(1, action=lambda: 1 / 0)
        try:
            barrier.wait()
        except ZeroDivisionError:
            return barrier.broken

    alike(body)


def test_a_timer_calls_its_function_once(alike):
    def body():
        seen = []
        timer = threading.Timer(0.005, seen.append, args=("called",))
        timer.start()
        timer.join()
        return seen, timer.finished.is_set()

    alike(body)


def test_a_cancelled_timer_calls_nothing(alike):
    def body():
        seen = []
        timer = threading.Timer(30, seen.append, args=("called",))
        timer.start()
        timer.cancel()
        timer.join()
        return seen, timer.is_alive()

    alike(body)
