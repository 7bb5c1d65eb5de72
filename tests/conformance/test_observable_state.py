"""What a program can see of another task's progress: each answer is reached, so none is missing from a proof."""

import array
import collections
import queue
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from exploring import answers as reached
from exploring import findings
from workers import started, together


def is_alive():
    thread = started(lambda: None)
    seen = thread.is_alive()
    thread.join()
    return seen


def alive_after_its_last_operation():
    done = threading.Event()
    thread = started(done.set)
    done.wait()
    seen = thread.is_alive()
    thread.join()
    return seen


def alive_after_a_join_that_gives_up():
    thread = started(lambda: None)
    thread.join(0.001)
    seen = thread.is_alive()
    thread.join()
    return seen


def threads_there():
    done = threading.Event()
    before = threading.active_count()
    thread = started(done.set)
    done.wait()
    seen = threading.active_count() - before
    thread.join()
    return seen


def threads_listed():
    thread = started(lambda: None)
    seen = thread in threading.enumerate()
    thread.join()
    return seen


def size_of_a_simple_queue():
    jobs = queue.SimpleQueue()
    thread = started(lambda: jobs.put(1))
    seen = jobs.qsize()
    thread.join()
    return seen


def waiting_at_a_barrier():
    barrier = threading.Barrier(2)
    thread = started(barrier.wait)
    seen = barrier.n_waiting
    barrier.wait()
    thread.join()
    return seen


def name_of_a_thread():
    def rename():
        threading.current_thread().name = "renamed"

    thread = started(rename)
    seen = thread.name
    thread.join()
    return seen == "renamed"


def future_done():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(int).done()


def future_cancelled():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(int).cancel()


def event_set():
    event = threading.Event()
    thread = started(event.set)
    seen = event.is_set()
    thread.join()
    return seen


def permit_there():
    permits = threading.Semaphore(0)
    thread = started(permits.release)
    seen = permits.acquire(blocking=False)
    thread.join()
    return seen


def timer_ran():
    ran = []
    timer = threading.Timer(1, lambda: ran.append(1))
    timer.start()
    time.sleep(1)
    timer.cancel()
    timer.join()
    return bool(ran)


def lock_held():
    lock = threading.Lock()

    def work():
        with lock:
            pass

    thread = started(work)
    seen = lock.locked()
    thread.join()
    return seen


def released_for_another():
    """Whose release fails is a matter of order: the other task's own is before, within or after."""
    lock = threading.Lock()
    seen = []

    def release():
        try:
            lock.release()
        except RuntimeError:
            seen.append(threading.current_thread() is not owner)

    def work():
        lock.acquire()
        release()

    owner = threading.Thread(target=work)
    owner.start()
    other = started(release)
    owner.join()
    other.join()
    return tuple(seen)


class Subclass(dict):
    pass


class Thing:
    pass


def made_twice(make):
    """Whether two tasks that look into one container, and put something there if there is nothing, both do so."""
    container, made = make(), []

    def get_or_make():
        if "key" not in container:
            thing = Thing()
            container["key"] = thing
            made.append(thing)

    together(get_or_make, get_or_make)
    return len(made)


def counted_in_an_array():
    numbers = array.array("i", [0])

    def count():
        before = numbers[0]
        numbers[0] = before + 1

    together(count, count)
    return numbers[0]


CONTAINERS = [
    dict,
    Subclass,
    collections.OrderedDict,
    collections.UserDict,
    collections.ChainMap,
    weakref.WeakValueDictionary,
]
BODIES = [
    *((lambda make=make: made_twice(make), {1, 2}) for make in CONTAINERS),
    (counted_in_an_array, {1, 2}),
    (is_alive, {True, False}),
    (alive_after_its_last_operation, {True, False}),
    (alive_after_a_join_that_gives_up, {True, False}),
    (threads_there, {0, 1}),
    (threads_listed, {True, False}),
    (size_of_a_simple_queue, {0, 1}),
    (waiting_at_a_barrier, {0, 1}),
    (name_of_a_thread, {True, False}),
    (future_done, {True, False}),
    (future_cancelled, {True, False}),
    (event_set, {True, False}),
    (permit_there, {True, False}),
    (timer_ran, {True, False}),
    (lock_held, {True, False}),
    (released_for_another, {(True,), (False,)}),
]


@pytest.mark.parametrize(("body", "answers"), BODIES, ids=lambda each: getattr(each, "__name__", ""))
def test_every_answer_is_reached(body, answers):
    assert reached(body) == answers


def test_a_lock_that_is_given_back_twice_is_found():
    def body():
        lock = threading.Lock()

        def work():
            lock.acquire()
            lock.release()
            if lock.locked():
                lock.release()

        together(work, work)

    assert [pattern for _, pattern, _ in findings(body)] == ["double release"]
