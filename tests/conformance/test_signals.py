"""Timers of the system and signals of the program's own: they come to main, in virtual time, and break off its waits."""

import os
import queue
import select
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest
from exploring import explored
from workers import started, together


class Rang(Exception):
    """What a handler raises."""


def ring(_number, _frame):
    raise Rang


@contextmanager
def handler_of(number, handler):
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def timer(seconds, handler=ring, interval=0.0):
    with handler_of(signal.SIGALRM, handler):
        signal.setitimer(signal.ITIMER_REAL, seconds, interval)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def held_lock():
    lock = threading.Lock()
    lock.acquire()
    return lock


def from_nobody(wait):
    one, other = socket.socketpair()
    with closing(one), closing(other):
        wait(one)


def wait_for_a_thread():
    over = threading.Event()
    worker = started(over.wait)
    try:
        worker.join()
    finally:
        over.set()
        worker.join()


WAITS = {
    "sleep": lambda: time.sleep(5),
    "lock": lambda: held_lock().acquire(),
    "lock with a timeout": lambda: held_lock().acquire(timeout=5),
    "condition": lambda: threading.Event().wait(),
    "queue": lambda: queue.SimpleQueue().get(),
    "thread": wait_for_a_thread,
    "select": lambda: from_nobody(lambda end: select.select([end], [], [])),
    "receive": lambda: from_nobody(lambda end: end.recv(1)),
    "signal": signal.pause,
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_handler_that_raises_breaks_off_main_s_wait(alike, wait):
    def body():
        with timer(0.05):
            wait()

    assert alike(body) == ("Rang", "")


@pytest.mark.parametrize("wait", [WAITS["sleep"], WAITS["lock with a timeout"]], ids=["sleep", "lock"])
def test_a_handler_that_returns_has_main_wait_for_what_is_left(controlled, wait):
    came = []

    def body():
        begun = time.monotonic()
        with timer(0.5, lambda *_: came.append(time.monotonic() - begun), interval=1.0):
            wait()
        return time.monotonic() - begun

    run = controlled(body)
    assert run.value == pytest.approx(5, abs=0.01)
    assert came == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5], abs=0.01)


def test_a_handler_may_wait_itself(alike):
    def body():
        lock = threading.Lock()

        def work(_number, _frame):
            with lock:
                time.sleep(0.01)

        with timer(0.02, work):
            return held_lock().acquire(timeout=0.1), lock.locked()

    assert alike(body) == ("value", (False, False))


def test_a_handler_runs_in_main_whoever_runs(alike):
    def body():
        ran_in = []
        with handler_of(
            signal.SIGUSR1, lambda *_: ran_in.append(threading.current_thread() is threading.main_thread())
        ):
            senders = [
                lambda: os.kill(os.getpid(), signal.SIGUSR1),
                lambda: signal.raise_signal(signal.SIGUSR1),
                lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1),
                lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1),
            ]
            for send in senders:
                together(send)
        return ran_in

    assert alike(body) == ("value", [True] * 4)


def test_a_worker_s_signal_breaks_off_main_s_wait(alike):
    def body():
        with handler_of(signal.SIGUSR1, ring):
            started(lambda: (time.sleep(0.01), os.kill(os.getpid(), signal.SIGUSR1)))
            held_lock().acquire()

    assert alike(body) == ("Rang", "")


def test_timers_tell_what_is_left(controlled):
    def body():
        with handler_of(signal.SIGALRM, ring):
            first = signal.alarm(10)
            time.sleep(2)
            left = signal.getitimer(signal.ITIMER_REAL)
            second = signal.alarm(0)
            before = signal.setitimer(signal.ITIMER_REAL, 3, 4)
            return first, left, second, before, signal.setitimer(signal.ITIMER_REAL, 0), signal.alarm(0)

    first, left, second, before, last, none = controlled(body).value
    assert (first, second, before, none) == (0, 8, (0.0, 0.0), 0)
    assert left == pytest.approx((8, 0), abs=0.01)
    assert last == pytest.approx((3, 4), abs=0.01)


def test_a_blocked_signal_is_waited_for(alike):
    def body():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        try:
            with timer(0.02):
                return signal.sigwait({signal.SIGALRM}), signal.sigtimedwait([signal.SIGALRM], 0.01)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    assert alike(body) == ("value", (signal.SIGALRM, None))


def test_a_timer_that_comes_to_a_spinning_task_ends_its_loop(controlled):
    def body():
        came = []
        with timer(0.05, lambda *_: came.append(1)):
            while not came:
                pass
        return len(came)

    assert controlled(body).value == 1


def test_a_timer_may_come_before_a_thread_goes_on(controlled):
    def body():
        done = []
        with timer(0.05, lambda *_: done.append("timer")):
            together(lambda: done.append("thread"))
            time.sleep(0.1)
        return tuple(done)

    orders = {controlled(body, "random", seed, stall_ns=10**9).value for seed in range(40)}
    assert orders == {("timer", "thread"), ("thread", "timer")}


def test_a_signal_of_an_earlier_run_is_not_told_of_a_later_exploration(controlled):
    def body():
        with handler_of(signal.SIGUSR1, lambda *_: None):
            os.kill(os.getpid(), signal.SIGUSR1)

    controlled(body)
    assert not explored(lambda: together(lambda: None), budget="5x").uncontrolled
