"""Thread pools and futures: submit() happens before the call, and the call before the end of result()."""

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

from .running import together


class Box:
    def __init__(self, n=0):
        self.n = n


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_tasks_update_one_attribute():
    """Two workers run the two calls, which main lets go on at once, and nothing orders those."""
    go = threading.Event()
    box = Box()

    def bump():
        go.wait()
        box.n += 1  # racy

    with ThreadPoolExecutor(2) as pool:
        pool.submit(bump)
        pool.submit(bump)
        go.set()
    assert box.n in (1, 2)


def test_race_map_updates_one_item():
    """map() submits all calls before it waits for the first, and these two go on when both have begun."""
    counts = {"n": 0}
    both = threading.Barrier(2)

    def bump(amount):
        both.wait()
        counts["n"] += amount  # racy

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bump, [1, 2]))
    assert counts["n"] in (1, 2, 3)


def test_race_read_before_the_result():
    """Main reads after submit(), and waits for the result only then."""
    box = Box()

    def work():
        box.n = 1  # racy

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        seen = box.n  # racy
        future.result()
    assert seen in (0, 1)


def test_race_argument_changed_after_submit():
    """The call gets the box itself, and main writes it while the call may run."""
    box = Box(1)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(lambda given: given.n, box)  # racy
        box.n = 2  # racy
        assert future.result() in (1, 2)


def test_race_first_completed_taken_for_all():
    """wait() returns for the quick call, and main reads what the slow one, which it has let go on, writes."""
    go = threading.Event()
    results = [0, 0]

    def slow():
        go.wait()
        results[0] = 1  # racy

    def quick():
        results[1] = 1

    with ThreadPoolExecutor(2) as pool:
        wait([pool.submit(slow), pool.submit(quick)], return_when=FIRST_COMPLETED)
        go.set()
        total = sum(results)  # racy
    assert total in (1, 2)


def test_race_first_of_as_completed_taken_for_all():
    """One future has been completed, and main reads what both calls write."""
    results = [0, 0]

    def work(place):
        results[place] = 1  # racy

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, place) for place in range(2)]
        next(as_completed(futures)).result()
        total = results[0] + results[1]  # racy
    assert total in (1, 2)


def test_race_done_not_heeded():
    """Main asks whether the future is done, and reads in either case."""
    go = threading.Event()
    box = Box()

    def work():
        go.wait()
        box.n = 1  # racy

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        go.set()
        future.done()
        seen = box.n  # racy
    assert seen in (0, 1)


def test_race_callback_against_who_waits_for_the_result():
    """The callbacks are called after result() may have returned."""
    box = Box()

    def note(future):
        box.n = future.result()  # racy

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(lambda: 42)
        future.add_done_callback(note)
        future.result()
        seen = box.n  # racy
    assert seen in (0, 42)


def test_race_callbacks_of_two_futures():
    """Both calls run at once, and each callback runs in the thread that completed its future, or in main."""
    box = Box()
    both = threading.Barrier(2)

    def add(future):
        box.n += future.result()  # racy

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(both.wait).add_done_callback(add)
    assert box.n in (0, 1)


def test_race_initializers_of_two_workers():
    """Each worker runs the initializer when it starts, and it takes two for both calls to meet."""
    box = Box()
    both = threading.Barrier(2)

    def prepare():
        box.n += 1  # racy

    with ThreadPoolExecutor(2, initializer=prepare) as pool:
        pool.submit(both.wait)
        pool.submit(both.wait)
    assert box.n in (1, 2)


def test_race_shutdown_without_waiting():
    """shutdown(wait=False) returns while the call may run."""
    box = Box()

    def work():
        box.n = 1  # racy

    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    seen = box.n  # racy
    future.result()
    assert seen in (0, 1)


def test_race_result_of_another_future():
    """Main waits for the second call and reads what the first one, which it has let go on, writes."""
    go = threading.Event()
    box = Box()

    def work():
        go.wait()
        box.n = 1  # racy

    with ThreadPoolExecutor(2) as pool:
        pool.submit(work)
        pool.submit(int).result()
        go.set()
        seen = box.n  # racy
    assert seen in (0, 1)


def test_race_future_set_before_the_work_is_done():
    """Whoever waits for the future goes on, and the write comes after that."""
    future = Future()
    box = Box()
    seen = [None]

    def work():
        future.set_result("done")
        box.n = 1  # racy

    def look():
        future.result()
        seen[0] = box.n  # racy

    together(work, look)
    assert seen[0] in (0, 1)


def test_race_pool_against_a_thread():
    """The pool's call and the thread update one box."""
    box = Box()

    def bump():
        box.n += 1  # racy

    with ThreadPoolExecutor(1) as pool:
        pool.submit(bump)
        together(bump)
    assert box.n in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_read_after_the_result():
    """The call's write happens before the end of result()."""
    box = Box()

    def work():
        box.n = 1

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
        box.n += 1
    assert box.n == 2


def test_no_race_argument_written_before_submit():
    """Main's writes happen before submit(), and that before the call."""
    box = Box()
    box.n = 7
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(lambda given: given.n, box) for _ in range(2)]
        assert [future.result() for future in futures] == [7, 7]


def test_no_race_box_made_by_the_call():
    """The call makes the box, and main has it from the future."""

    def make(n):
        box = Box()
        box.n = n
        return box

    with ThreadPoolExecutor(2) as pool:
        boxes = [future.result() for future in [pool.submit(make, n) for n in (1, 2)]]
        for box in boxes:
            box.n += 1
    assert [box.n for box in boxes] == [2, 3]


def test_no_race_map():
    """Each call has its own item, and main reads after it has all results."""
    results = [None, None, None]

    def work(place):
        results[place] = place * place
        return place

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(3))) == [0, 1, 2]
        assert results == [0, 1, 4]


def test_no_race_each_as_completed():
    """Main has the result of a future before it reads what its call wrote."""
    parts = [None, None]

    def work(place):
        parts[place] = place + 1
        return place

    total = 0
    with ThreadPoolExecutor(2) as pool:
        for future in as_completed([pool.submit(work, place) for place in range(2)]):
            total += parts[future.result()]
    assert total == 3


def test_no_race_waited_for_all():
    """wait() returns when all calls are over."""
    parts = [None, None]

    def work(place):
        parts[place] = place + 1

    with ThreadPoolExecutor(2) as pool:
        wait([pool.submit(work, place) for place in range(2)])
        assert parts == [1, 2]


def test_no_race_first_completed_and_no_other():
    """Main reads what the calls wrote whose results it has."""
    parts = [None, None]

    def work(place):
        parts[place] = place + 1
        return place

    with ThreadPoolExecutor(2) as pool:
        done, _ = wait([pool.submit(work, place) for place in range(2)], return_when=FIRST_COMPLETED)
        for future in done:
            place = future.result()
            assert parts[place] == place + 1


def test_no_race_done_heeded():
    """done() said that the call is over, so its write happened before."""
    box = Box()

    def work():
        box.n = 1

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        seen = box.n if future.done() else None
    assert seen in (None, 1)


def test_no_race_after_the_shutdown():
    """Leaving the block waits for the workers to end."""
    counts = {}

    def work(name):
        counts[name] = len(name)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(work, "a")
        pool.submit(work, "bc")
    assert counts == {"a": 1, "bc": 2}
    counts["d"] = 0


def test_no_race_callback_read_after_the_shutdown():
    """The callback runs in the worker, whose end the block waits for."""
    box = Box()

    def note(future):
        box.n = future.result()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: 42).add_done_callback(note)
    assert box.n == 42


def test_no_race_callbacks_under_a_lock():
    """Wherever the callbacks run, they take the lock."""
    lock = threading.Lock()
    box = Box()

    def add(future):
        with lock:
            box.n += future.result()

    with ThreadPoolExecutor(2) as pool:
        for number in (1, 2):
            pool.submit(int, number).add_done_callback(add)
    assert box.n == 3


def test_no_race_callback_reads_what_the_call_wrote():
    """The call happens before its future's callback, wherever that runs."""
    parts = [None]
    seen = [None]

    def work():
        parts[0] = 42

    def look(_):
        seen[0] = parts[0]

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).add_done_callback(look)
    assert seen == [42]


def test_no_race_pool_of_one_worker():
    """One worker runs the calls one after the other."""
    box = Box()

    def bump():
        box.n += 1

    with ThreadPoolExecutor(1) as pool:
        futures = [pool.submit(bump) for _ in range(3)]
        for future in futures:
            future.result()
        assert box.n == 3


def test_no_race_call_that_waits_for_another():
    """The inner call happens before the outer one's second half, and that before main's read."""
    box = Box()

    def inner():
        box.n = 1

    def outer(pool):
        pool.submit(inner).result()
        box.n += 1

    with ThreadPoolExecutor(2) as pool:
        pool.submit(outer, pool).result()
        assert box.n == 2


def test_no_race_future_completed_by_hand():
    """set_result() happens before the end of result()."""
    future = Future()
    box = Box()
    seen = [None]

    def work():
        box.n = 1
        future.set_result(box)

    def look():
        got = future.result()
        got.n += 1
        seen[0] = got.n

    together(look, work)
    assert seen == [2]


def test_no_race_exception_of_a_call():
    """exception() waits for the end of the call like result()."""
    box = Box()

    def work():
        box.n = 1
        raise ValueError("on purpose")

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        assert isinstance(future.exception(), ValueError)
        assert box.n == 1


def test_no_race_update_under_a_lock():
    """All calls take the lock."""
    lock = threading.Lock()
    box = Box()

    def bump(amount):
        with lock:
            box.n += amount

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bump, [1, 2, 3]))
    assert box.n == 6


def test_no_race_rounds_of_futures():
    """The next round is submitted when main has all results of the last one."""
    values = [1, 2]

    def double(place):
        values[place] *= 2

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            for future in [pool.submit(double, place) for place in range(2)]:
                future.result()
            values[0], values[1] = values[1], values[0]
    assert values == [4, 8]


def test_no_race_cancelled_or_over():
    """A call that was cancelled never runs, and one that was not is waited for."""
    box = Box()

    def work():
        box.n += 1

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int)
        future = pool.submit(work)
        if not future.cancel():
            future.result()
        box.n += 10
    assert box.n in (10, 11)
