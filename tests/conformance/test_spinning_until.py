"""Who spins until another task does something passes the time with it, as in life; and much work passes little."""

import asyncio
import contextlib
import threading
import time

import pytest
from exploring import answers
from workers import started

BUDGET = "20x,20s"


class Flag:
    up = False


def raised_after(seconds, wait):
    """Return after which time `wait` has seen a flag that a thread raises after so many seconds."""
    flag = Flag()

    def work():
        time.sleep(seconds)
        flag.up = True

    began = time.monotonic()
    thread = started(work)
    wait(flag)
    thread.join()
    return time.monotonic() - began


def spin(flag):
    while not flag.up:
        pass


def spin_giving_way(flag):
    while not flag.up:
        time.sleep(0)


def spin_with_a_lock(flag):
    lock = threading.Lock()
    while True:
        with lock:
            if flag.up:
                return


def passes(seconds, body):
    """Whether `body`, which returns how long it took, takes so long in every execution, and at most a stall more."""
    return answers(lambda: seconds <= body() < seconds + 1.1, BUDGET) == {True}


@pytest.mark.parametrize("wait", [spin, spin_giving_way, spin_with_a_lock])
@pytest.mark.parametrize("seconds", [0.1, 1.5])
def test_a_thread_that_spins_until_a_sleeper_has_woken(wait, seconds):
    assert passes(seconds, lambda: raised_after(seconds, wait))


@pytest.mark.parametrize("seconds", [0.1, 1.5])
def test_a_task_that_polls_with_sleep_0(seconds):
    async def main():
        began, flag = time.monotonic(), Flag()

        async def work():
            await asyncio.sleep(seconds)
            flag.up = True

        task = asyncio.create_task(work())
        while not flag.up:
            await asyncio.sleep(0)
        await task
        return time.monotonic() - began

    assert passes(seconds, lambda: asyncio.run(main()))


def test_a_timeout_ends_a_poller():
    async def main():
        async def poll():
            while True:
                await asyncio.sleep(0)

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(poll(), 1)
        return "over"

    assert answers(lambda: asyncio.run(main()), BUDGET) == {"over"}


def test_much_work_is_no_waiting():
    """Somebody waits 200 s, far beyond any stall, for what takes a fraction of a second in life."""

    class Work:
        total = 0

    def body():
        work, done, lock = Work(), threading.Event(), threading.Lock()
        results = []
        thread = started(lambda: results.append(done.wait(200)))
        for _ in range(100_000):
            work.total += 1
        for _ in range(3_000):
            with lock:
                work.total += 1
        for _ in range(100_000):
            assert work.total
        done.set()
        thread.join()
        return results[0]

    assert answers(body, BUDGET) == {True}
