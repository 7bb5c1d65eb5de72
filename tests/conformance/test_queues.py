from __future__ import annotations

import queue
import sched
import sys
import threading
import time

import pytest

KINDS = [queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue]
BOUNDED = KINDS[:3]


@pytest.mark.parametrize("kind", KINDS)
def test_items_come_out_in_the_kind_s_order(alike, kind):
    def body():
        items = kind()
        for item in (2, 3, 1):
            items.put(item)
        return items.qsize(), items.empty(), [items.get() for _ in range(3)], items.empty()

    alike(body)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_queue_gives_up_when_the_time_is_over(alike, kind):
    def body():
        items, seen = kind(), []
        before = time.monotonic()
        for get in (lambda: items.get(timeout=0.01), lambda: items.get(block=False), items.get_nowait):
            try:
                get()
            except queue.Empty as problem:
                seen.append(repr(problem))
        return seen, 0.01 <= time.monotonic() - before < 2

    alike(body)


@pytest.mark.parametrize("kind", BOUNDED)
def test_a_full_queue_gives_up_when_the_time_is_over(alike, kind):
    def body():
        items, seen = kind(1), []
        items.put(0)
        for put in (
            lambda: items.put(1, timeout=0.01),
            lambda: items.put(1, False),
            lambda: items.put_nowait(1),
        ):
            try:
                put()
            except queue.Full as problem:
                seen.append(repr(problem))
        return seen, items.full()

    alike(body)


@pytest.mark.parametrize("kind", KINDS)
def test_a_negative_timeout_of_a_queue_is_refused(alike, kind):
    assert alike(lambda: kind().get(timeout=-1)) == ("ValueError", "'timeout' must be a non-negative number")


@pytest.mark.parametrize("arguments", [(True, "1"), (True, 1e300), (1, 2, 3), (True, threading.TIMEOUT_MAX * 2)])
def test_nonsense_arguments_of_a_simple_queue_are_refused_in_the_same_words(alike, arguments):
    assert alike(lambda: queue.SimpleQueue().get(*arguments))[0] in ("TypeError", "OverflowError")


def test_nonsense_keywords_of_a_simple_queue_are_refused_in_the_same_words(alike):
    alike(lambda: queue.SimpleQueue().get(wait=1))
    alike(lambda: queue.SimpleQueue().get_nowait(1))
    alike(lambda: queue.SimpleQueue().put())
    alike(lambda: queue.SimpleQueue().put(1, 2, timeout="ignored"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_producers_put_consumers_get(alike, kind):
    def body():
        items, got = kind(), []

        def consume():
            while (item := items.get()) < 100:
                got.append(item)

        consumers = [threading.Thread(target=consume) for _ in range(2)]
        producers = [threading.Thread(target=lambda: [items.put(i) for i in range(5)]) for _ in range(2)]
        for thread in (*consumers, *producers):
            thread.start()
        for thread in producers:
            thread.join()
        while not items.empty():
            time.sleep(0.001)
        for _ in consumers:
            items.put(100)
        for thread in consumers:
            thread.join()
        return sorted(got)

    alike(body)


def test_joining_a_queue_waits_for_every_task(controlled):
    def body():
        items, done = queue.Queue(), []

        def work():
            while True:
                done.append(items.get())
                items.task_done()

        threading.Thread(target=work, daemon=True).start()
        for i in range(3):
            items.put(i)
        items.join()
        return done, items.unfinished_tasks

    for seed in range(5):
        assert controlled(body, "random", seed).value == ([0, 1, 2], 0)


def test_a_task_cannot_be_done_twice(alike):
    assert alike(lambda: queue.Queue().task_done()) == ("ValueError", "task_done() called too many times")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queues can be shut down from 3.13 on")
@pytest.mark.parametrize("immediate", [False, True])
def test_a_queue_that_is_shut_down_ends_its_waiters(alike, immediate):
    def body():
        items, seen = queue.Queue(2), []
        items.put("left")

        def get():
            try:
                while True:
                    seen.append(items.get())
            except queue.ShutDown as problem:
                seen.append(repr(problem))

        if not immediate:
            items.shutdown()
        waiting = threading.Thread(target=get)
        if immediate:
            items.shutdown(immediate=True)
        waiting.start()
        waiting.join()
        try:
            items.put(1)
        except queue.ShutDown as problem:
            seen.append(repr(problem))
        return seen

    alike(body)


def test_a_scheduler_runs_its_events_in_the_order_of_time_and_priority(alike):
    def body():
        order = []
        scheduler = sched.scheduler()
        for delay, priority, name in ((0.003, 1, "c"), (0.001, 2, "b"), (0.001, 1, "a")):
            scheduler.enterabs(time.monotonic() // 1 + delay, priority, order.append, (name,))
        scheduler.cancel(scheduler.enter(60, 1, order.append, ("never",)))
        scheduler.run()
        return order, scheduler.empty()

    assert alike(body) == ("value", (["a", "b", "c"], True))
