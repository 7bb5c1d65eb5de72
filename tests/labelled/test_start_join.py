"""Threads: start() happens before the thread's first step, and its last step before the end of join()."""

import _thread
import threading

from .running import in_turn, together


class Box:
    def __init__(self, n=0):
        self.n = n


class Worker(threading.Thread):
    """Has its result in an attribute of its own."""

    def __init__(self, number):
        super().__init__()
        self.number = number
        self.square = None

    def run(self):
        self.square = self.number * self.number  # racy


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_main_against_its_thread():
    """Main updates the box between start() and join()."""
    box = Box()

    def bump():
        box.n += 1  # racy

    thread = threading.Thread(target=bump)
    thread.start()
    box.n += 1  # racy
    thread.join()
    assert box.n in (1, 2)


def test_race_read_before_join():
    """Main reads the result too early."""
    box = Box()

    def work():
        box.n = 1  # racy

    thread = threading.Thread(target=work)
    thread.start()
    seen = box.n  # racy
    thread.join()
    assert seen in (0, 1)


def test_race_configured_after_the_start():
    """Main sets what the thread reads after it has started it."""
    box = Box()
    seen = [None]

    def work():
        seen[0] = box.n  # racy

    thread = threading.Thread(target=work)
    thread.start()
    box.n = 7  # racy
    thread.join()
    assert seen[0] in (0, 7)


def test_race_join_that_gave_up():
    """join() with a timeout comes back whether the thread has ended or not."""
    box = Box()
    go = threading.Event()

    def work():
        go.wait()
        box.n = 1  # racy

    thread = threading.Thread(target=work)
    thread.start()
    go.set()
    thread.join(timeout=0)
    seen = box.n  # racy
    thread.join()
    assert seen in (0, 1)


def test_race_the_wrong_thread_joined():
    """Main joins one thread and reads what the other one writes."""
    boxes = [Box(), Box()]

    def work(box):
        box.n = 1  # racy

    threads = [threading.Thread(target=work, args=(box,)) for box in boxes]
    for thread in threads:
        thread.start()
    threads[1].join()
    seen = boxes[0].n  # racy
    threads[0].join()
    assert seen in (0, 1)


def test_race_subclass_of_thread():
    """Main reads the worker's attribute without a join."""
    worker = Worker(3)
    worker.start()
    seen = worker.square  # racy
    worker.join()
    assert seen in (None, 9)


def test_race_attribute_of_a_thread_set_after_its_start():
    """The thread is an object like any other, and run() may have read the number already."""

    class Printer(threading.Thread):
        copies = None

        def __init__(self):
            super().__init__()
            self.wanted = 1

        def run(self):
            self.copies = self.wanted  # racy

    printer = Printer()
    printer.start()
    printer.wanted = 2  # racy
    printer.join()
    assert printer.copies in (1, 2)


def test_race_daemon_against_main():
    """Nobody ever joins the daemon."""
    box = Box()

    def work():
        box.n = 1  # racy

    threading.Thread(target=work, daemon=True).start()
    seen = box.n  # racy
    assert seen in (0, 1)


def test_race_grandchild_against_main():
    """Main joins the child, and the child does not join the grandchild."""
    box = Box()
    grandchildren = []

    def grandchild():
        box.n = 1  # racy

    def child():
        thread = threading.Thread(target=grandchild)
        grandchildren.append(thread)
        thread.start()

    together(child)
    seen = box.n  # racy
    grandchildren[0].join()
    assert seen in (0, 1)


def test_race_grandchild_against_child():
    """The child goes on after it has started the grandchild."""
    box = Box()

    def grandchild():
        box.n += 1  # racy

    def child():
        thread = threading.Thread(target=grandchild)
        thread.start()
        box.n += 1  # racy
        thread.join()

    together(child)
    assert box.n in (1, 2)


def test_race_cousins():
    """Two children start a thread each, and these are ordered by nothing."""
    box = Box()

    def grandchild():
        box.n += 1  # racy

    def child():
        together(grandchild)

    together(child, child)
    assert box.n in (1, 2)


def test_race_third_thread_started_after_the_first_was_joined():
    """The third is ordered after the first, not after the second, which is still there."""
    box = Box()

    def bump():
        box.n += 1  # racy

    first, second, third = [threading.Thread(target=bump) for _ in range(3)]
    second.start()
    first.start()
    first.join()
    third.start()
    third.join()
    second.join()
    assert box.n in (1, 2, 3)


def test_race_low_level_thread():
    """A thread of `_thread` is a thread; the lock says that it has ended, and main reads before that."""
    box = Box()
    over = _thread.allocate_lock()
    over.acquire()

    def work():
        box.n = 1  # racy
        over.release()

    _thread.start_new_thread(work, ())
    seen = box.n  # racy
    over.acquire()
    assert seen in (0, 1)


def test_race_still_alive():
    """is_alive() said that the thread is alive, so it may yet write."""
    box = Box()
    go = threading.Event()
    seen = None

    def work():
        go.wait()
        box.n = 1  # racy

    thread = threading.Thread(target=work)
    thread.start()
    go.set()
    if thread.is_alive():
        seen = box.n  # racy
    thread.join()
    assert seen in (None, 0, 1)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_configured_before_the_start():
    """Main's write happens before start(), and that before the thread's read."""
    box = Box()
    seen = [None]

    def work():
        seen[0] = box.n

    thread = threading.Thread(target=work)
    box.n = 7
    thread.start()
    thread.join()
    assert seen == [7]


def test_no_race_result_after_the_join():
    """The worker's write happens before the end of join()."""
    workers = [Worker(2), Worker(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(worker.square for worker in workers) == 13


def test_no_race_box_handed_from_thread_to_thread():
    """Each thread has ended before the next one starts."""
    box = Box()

    def bump():
        box.n += 1

    in_turn(bump, bump, bump)
    assert box.n == 3


def test_no_race_grandchild_joined_by_the_child():
    """The grandchild ends before the child, and the child before main's read."""
    box = Box()

    def grandchild():
        box.n += 1

    def child():
        box.n += 1
        together(grandchild)
        box.n += 1

    together(child)
    box.n += 1
    assert box.n == 4


def test_no_race_grandchild_sees_what_main_wrote():
    """Main's write happens before the child's start, and that before the grandchild's."""
    box = Box()
    seen = [None]

    def grandchild():
        seen[0] = box.n

    def child():
        together(grandchild)

    box.n = 7
    together(child)
    assert seen == [7]


def test_no_race_grandchild_joined_by_main():
    """Main joins the child, has the grandchild from it, and joins that as well."""
    box = Box()
    grandchildren = []

    def grandchild():
        box.n = 1

    def child():
        grandchildren.append(threading.Thread(target=grandchild))
        grandchildren[0].start()

    together(child)
    grandchildren[0].join()
    assert box.n == 1


def test_no_race_joined_by_two_threads():
    """Both readers wait for the writer's end, whichever of them comes first."""
    box = Box()
    seen = [None, None]

    def work():
        box.n = 1

    writer = threading.Thread(target=work)
    writer.start()

    def read(place):
        writer.join()
        seen[place] = box.n

    together(lambda: read(0), lambda: read(1))
    assert seen == [1, 1]


def test_no_race_joined_by_a_brother():
    """The second thread joins the first one, and main only the second."""
    box = Box()

    def work():
        box.n += 1

    first = threading.Thread(target=work)

    def follow():
        first.join()
        box.n += 1

    second = threading.Thread(target=follow)
    first.start()
    second.start()
    second.join()
    assert box.n == 2
    first.join()


def test_no_race_daemon_that_is_joined():
    """A daemon can be joined like any thread."""
    box = Box()

    def work():
        box.n = 1

    daemon = threading.Thread(target=work, daemon=True)
    daemon.start()
    daemon.join()
    assert box.n == 1


def test_no_race_join_with_a_timeout_and_a_look():
    """is_alive() said that the thread has ended, so all that it did happened before."""
    box = Box()
    seen = None

    def work():
        box.n = 1

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=0)
    if not thread.is_alive():
        seen = box.n
    thread.join()
    assert seen in (None, 1)


def test_no_race_read_as_each_is_joined():
    """Main reads a worker's attribute when that one was joined; the others may still run, and write their own."""
    workers = [Worker(number) for number in range(3)]
    for worker in workers:
        worker.start()
    squares = []
    for worker in workers:
        worker.join()
        squares.append(worker.square)
    assert squares == [0, 1, 4]


def test_no_race_low_level_thread_with_a_lock():
    """The write happens before the release, and main acquires after that."""
    box = Box()
    over = _thread.allocate_lock()
    over.acquire()

    def work():
        box.n = 1
        over.release()

    _thread.start_new_thread(work, ())
    over.acquire()
    box.n += 1
    assert box.n == 2


def test_no_race_tree_of_threads():
    """Each thread joins those that it starts before it reads what they wrote."""
    sums = {}

    def add_up(low, high):
        if high - low == 1:
            sums[low, high] = low
            return
        middle = (low + high) // 2
        together(lambda: add_up(low, middle), lambda: add_up(middle, high))
        sums[low, high] = sums[low, middle] + sums[middle, high]

    add_up(0, 4)
    assert sums[0, 4] == 6


def test_no_race_arguments_of_a_thread():
    """The list is main's until start(), and the thread's until join()."""
    numbers = [1, 2]
    numbers.append(3)

    def work(given):
        given.append(sum(given))

    thread = threading.Thread(target=work, args=(numbers,))
    thread.start()
    thread.join()
    numbers.append(0)
    assert numbers == [1, 2, 3, 6, 0]


def test_no_race_name_of_each_thread():
    """Every thread renames itself, and main reads the names after the joins."""
    threads = []

    def work(place):
        threads[place].label = f"worker {place}"

    for place in range(2):
        threads.append(threading.Thread(target=work, args=(place,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [thread.label for thread in threads] == ["worker 0", "worker 1"]
