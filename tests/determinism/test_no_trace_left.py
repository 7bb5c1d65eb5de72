"""An execution leaves the process as it was: threads, locks, memory, collector and clocks."""

from __future__ import annotations

import gc
import queue
import resource
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from unblink.ground import control


def run(body, strategy="random", seed=0):
    return control.run(body, strategy, seed, stall_ns=0, epoch_ns=1_700_000_000 * 10**9)


@pytest.fixture(autouse=True)
def ground():
    with control.installed():
        yield


def known_to_threading():
    held = [lock for lock in getattr(threading, "_shutdown_locks", ()) if lock.locked()]
    return (
        set(threading._active),
        dict(threading._limbo),
        len(held),
        len(threading._dangling),
        threading._counter,
    )


def deadlock():
    first, second = threading.Lock(), threading.Lock()

    def take(one, other):
        with one:
            time.sleep(0.1)
            with other:
                pass

    threads = [threading.Thread(target=take, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def leaks_daemons():
    for _ in range(3):
        threading.Thread(target=queue.Queue().get, daemon=True).start()


def leaks_a_pool():
    pool = ThreadPoolExecutor(2)
    return [pool.submit(int).result() for _ in range(2)]


def fails_in_a_thread():
    with ThreadPoolExecutor(2) as pool:
        pool.submit(lambda: 1 / 0).result()


def spins():
    done = []
    threading.Thread(target=lambda: done.append(1)).start()
    while not done:
        time.sleep(0)


BODIES = [deadlock, leaks_daemons, leaks_a_pool, fails_in_a_thread, spins]


@pytest.mark.parametrize("body", BODIES)
def test_threading_knows_what_it_knew(body):
    gc.collect()
    before = known_to_threading()
    for seed in range(10):
        run(body, seed=seed)
    gc.collect()
    assert known_to_threading() == before
    assert gc.isenabled()


@pytest.mark.parametrize("body", BODIES)
def test_no_hook_hears_of_tasks_that_are_ended(body, monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    monkeypatch.setattr(sys, "unraisablehook", heard.append)
    run(body)
    assert heard == []


@pytest.mark.parametrize("body", BODIES)
def test_two_thousand_executions_need_no_more_memory_than_two_hundred(body):
    for seed in range(200):
        run(body, seed=seed)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(2000):
        run(body, seed=seed)
        if seed % 100 == 0:
            gc.collect()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2048, f"{grown} kB"


def test_what_the_body_made_goes_with_its_result():
    class Value:
        pass

    def body():
        value = Value()
        thread = threading.Thread(target=lambda: value)
        thread.start()
        thread.join()
        made.append(weakref.ref(value))
        return value

    made = []
    outcome = run(body)
    assert made[0]() is outcome.value
    del outcome
    gc.collect()
    assert made[0]() is None


def test_a_lock_of_before_is_free_after_a_deadlock():
    lock = threading.Lock()

    def body():
        lock.acquire()
        lock.acquire()

    assert run(body).ending is control.Ending.STUCK
    assert lock.acquire(timeout=0.1)


def test_real_threads_work_as_ever_after_executions():
    run(deadlock)
    seen = []
    thread = threading.Thread(target=seen.append, args=(threading.get_ident(),))
    thread.start()
    thread.join(5)
    assert seen == [threading.get_ident()]
    before = time.monotonic()
    time.sleep(0.01)
    assert 0.01 <= time.monotonic() - before < 5


def test_a_thread_of_an_execution_is_over_outside():
    kept = []

    def body():
        kept.append(threading.Thread(target=threading.Event().wait, daemon=True))
        kept[0].start()

    run(body)
    assert not kept[0].is_alive()
    kept[0].join(1)
