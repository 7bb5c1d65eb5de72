"""Short-lived objects: a new one may have the address of one that is gone, and is another location all the same."""

import threading
from collections import Counter, OrderedDict, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from .running import in_turn, together

ROUNDS = 8


class Box:
    def __init__(self, n=0):
        self.n = n


class Slim:
    """No dict, and no weak reference to it."""

    __slots__ = ("n",)

    def __init__(self, n=0):
        self.n = n


@dataclass
class Reading:
    value: int = 0


class Oops(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def counter():
    n = 0

    def bump():
        nonlocal n
        n += 1
        return n

    return bump


def in_two_threads(work):
    """Run `work` in two threads; return what it returned in each."""
    results = [None, None]

    def run(place):
        results[place] = work()

    together(lambda: run(0), lambda: run(1))
    return results


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_one_survivor_among_many():
    """Each thread makes boxes that only it knows, and updates one that both know."""
    shared = Box()

    def work():
        for _ in range(ROUNDS):
            own = Box()
            own.n += 1
        shared.n += 1  # racy

    together(work, work)
    assert shared.n in (1, 2)


def test_race_new_box_in_each_round():
    """In every round both threads update the box of that round."""
    totals = []
    for _ in range(3):
        box = Box()

        def bump(box=box):
            box.n += 1  # racy

        together(bump, bump)
        totals.append(box.n)
        del box, bump
    assert all(total in (1, 2) for total in totals)


def test_race_under_locks_that_are_gone():
    """A lock that has the address of one that is gone is another lock."""
    shared = Box()

    def bump():
        for _ in range(2):
            with threading.Lock():
                shared.n += 1  # racy

    together(bump, bump)
    assert 1 <= shared.n <= 4


def test_race_after_events_that_are_gone():
    """Each thread sets and waits for events of its own, which orders nothing."""
    shared = Box()

    def bump():
        event = threading.Event()
        event.set()
        event.wait()
        del event
        shared.n += 1  # racy

    together(bump, bump)
    assert shared.n in (1, 2)


def test_race_item_beside_short_lived_dicts():
    """Each thread makes dicts that only it knows, and updates one that both know."""
    shared = {"n": 0}

    def work():
        for number in range(ROUNDS):
            own = {"n": number}
            own["n"] += 1
        shared["n"] += 1  # racy

    together(work, work)
    assert shared["n"] in (1, 2)


def test_race_box_made_by_main_between_short_lived_ones():
    """Main hands a new box to both threads of each pair."""
    seen = []
    for _ in range(3):
        for _ in range(ROUNDS):
            Box().n = 1
        box = Slim()

        def write(n, box=box):
            box.n = n  # racy

        together(lambda write=write: write(1), lambda write=write: write(2))
        seen.append(box.n)
    assert set(seen) <= {1, 2}


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_boxes():
    """Every box is made, updated and dropped by one thread."""

    def work():
        total = 0
        for number in range(ROUNDS):
            box = Box(number)
            box.n += 1
            total += box.n
        return total

    assert in_two_threads(work) == [36, 36]


def test_no_race_objects_with_slots_only():
    """The same for objects to which there can be no weak reference."""

    def work():
        total = 0
        for number in range(ROUNDS):
            slim = Slim(number)
            slim.n += 1
            total += slim.n
        return total

    assert in_two_threads(work) == [36, 36]


def test_no_race_dicts():
    """Every dict is made, updated and dropped by one thread."""

    def work():
        total = 0
        for number in range(ROUNDS):
            counts = {"n": number}
            counts["n"] += 1
            counts["new"] = 1
            total += len(counts)
        return total

    assert in_two_threads(work) == [16, 16]


def test_no_race_lists():
    """Every list is made, grown, gone over and dropped by one thread."""

    def work():
        total = 0
        for number in range(ROUNDS):
            values = [number]
            values.append(1)
            values[0] += 1
            for value in values:
                total += value
        return total

    assert in_two_threads(work) == [44, 44]


def test_no_race_other_containers():
    """Sets, deques, byte arrays and dicts of other kinds, all made and dropped by one thread."""

    def work():
        total = 0
        for number in range(ROUNDS):
            tags, ring, buffer = {number}, deque([number]), bytearray(1)
            tags.add("x")
            ring.append(1)
            buffer[0] += 1
            votes, groups, recent = Counter(), defaultdict(list), OrderedDict()
            votes["n"] += 1
            groups["n"].append(1)
            recent["n"] = 1
            total += len(tags) + len(ring) + buffer[0] + len(votes) + len(groups) + len(recent)
        return total

    assert in_two_threads(work) == [64, 64]


def test_no_race_closures():
    """Every call of counter() makes a variable that goes with the closure."""

    def work():
        total = 0
        for _ in range(ROUNDS):
            bump = counter()
            bump()
            total += bump()
        return total

    assert in_two_threads(work) == [16, 16]


def test_no_race_dataclass_instances():
    """Every reading is made, updated and dropped by one thread."""

    def work():
        total = 0
        for number in range(ROUNDS):
            reading = Reading(number)
            reading.value += 1
            total += reading.value
        return total

    assert in_two_threads(work) == [36, 36]


def test_no_race_exceptions():
    """An exception is an object of the thread that raised it."""

    def work():
        total = 0
        for number in range(ROUNDS):
            try:
                raise Oops(number)
            except Oops as error:
                error.code += 1
                total += error.code
        return total

    assert in_two_threads(work) == [36, 36]


def test_no_race_attributes_of_functions():
    """Every inner function is made anew in each round, and has attributes of its own."""

    def work():
        total = 0
        for _ in range(ROUNDS):

            def bump():
                bump.calls += 1

            bump.calls = 0
            bump()
            bump()
            total += bump.calls
        return total

    assert in_two_threads(work) == [16, 16]


def test_no_race_nested_containers():
    """What hangs on a dropped object goes with it."""

    def work():
        total = 0
        for number in range(ROUNDS):
            box = Box({"rows": [[number], [number]]})
            box.n["rows"][1][0] += 1
            box.n["rows"].append([1])
            total += len(box.n["rows"]) + box.n["rows"][1][0]
        return total

    assert in_two_threads(work) == [60, 60]


def test_no_race_threads_that_follow_one_another():
    """Each thread makes its boxes after the one before it has ended."""
    totals = []

    def work():
        own = [Box(number) for number in range(ROUNDS)]
        for box in own:
            box.n += 1
        totals.append(sum(box.n for box in own))

    in_turn(work, work, work)
    assert totals == [36, 36, 36]


def test_no_race_many_short_lived_threads():
    """A thread object has the result of its own run, and main drops it after the join."""

    class Worker(threading.Thread):
        result = None

        def run(self):
            self.result = 1

    total = 0
    for _ in range(ROUNDS):
        worker = Worker()
        worker.start()
        worker.join()
        total += worker.result
        del worker
    assert total == ROUNDS


def test_no_race_boxes_handed_over_and_dropped():
    """The consumer drops what it took, and both go on making boxes of their own."""
    channel = SimpleQueue()
    seen = [0]

    def produce():
        for number in range(ROUNDS):
            box = Box()
            box.n = number
            channel.put(box)
            del box
        channel.put(None)

    def consume():
        while (box := channel.get()) is not None:
            box.n += 1
            own = Slim(box.n)
            own.n += 1
            seen[0] += own.n

    together(produce, consume)
    assert seen == [44]


def test_no_race_dropped_by_the_other_thread():
    """One thread makes the boxes, the other one takes the last reference away."""
    channel, back = SimpleQueue(), SimpleQueue()
    totals = [0, 0]

    def make():
        for number in range(4):
            channel.put([Box(number)])
            back.get()
            own = Box(number)
            own.n += 1
            totals[0] += own.n

    def drop():
        for _ in range(4):
            boxes = channel.get()
            boxes.pop().n += 1
            del boxes
            back.put(None)
            own = Box(1)
            own.n += 1
            totals[1] += own.n

    together(make, drop)
    assert totals == [10, 8]


def test_no_race_locks_with_what_they_guard():
    """In each round there is a new lock and a new box, known to two threads, which both take the lock."""
    totals = []
    for _ in range(3):
        lock, box = threading.Lock(), Box()

        def bump(lock=lock, box=box):
            with lock:
                box.n += 1

        together(bump, bump)
        totals.append(box.n)
        del lock, box, bump
    assert totals == [2, 2, 2]


def test_no_race_thread_locals():
    """Locals come and go, and with them the attributes of each thread."""

    def work():
        total = 0
        for number in range(ROUNDS):
            local = threading.local()
            local.n = number
            local.n += 1
            total += local.n
        return total

    assert in_two_threads(work) == [36, 36]


def test_no_race_calls_of_a_pool():
    """Each call makes and drops boxes of its own, in whichever worker it runs."""

    def work(number):
        total = 0
        for _ in range(4):
            box, counts = Box(number), {"n": number}
            box.n += 1
            counts["n"] += box.n
            total += counts["n"]
        return total

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(4))) == [4, 12, 20, 28]


def test_no_race_generators_and_their_lists():
    """Every generator, and the list that it goes over, is one thread's."""

    def squares(values):
        for value in values:
            values[0] = value
            yield value * value

    def work():
        return sum(sum(squares([number, 1, 2])) for number in range(4))

    assert in_two_threads(work) == [34, 34]


def test_no_race_classes():
    """Every class is made, counted in and dropped by one thread."""

    def work():
        total = 0
        for _ in range(4):

            class Local:
                made = 0

                def __init__(self):
                    type(self).made += 1

            Local()
            Local()
            total += Local.made
        return total

    assert in_two_threads(work) == [8, 8]
