"""threading.local: each thread has attributes of its own; what they refer to may be shared all the same."""

import threading
from concurrent.futures import ThreadPoolExecutor

from .running import together

LOCAL = threading.local()


class Box:
    def __init__(self, n=0):
        self.n = n


class Context(threading.local):
    """Its __init__ runs in each thread that uses it."""

    names = {"n": 0}

    def __init__(self, start):
        self.n = start
        self.seen = []


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_one_object_in_both_locals():
    """The attribute is each thread's own, the box that it refers to is not."""
    local = threading.local()
    box = Box()

    def bump():
        local.box = box
        local.box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_argument_shared_by_all_copies():
    """__init__ gets the same object in each thread."""

    class Bag(threading.local):
        def __init__(self, box):
            self.box = box

    box = Box()
    bag = Bag(box)

    def bump():
        bag.box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_class_of_the_local():
    """What stands in the class is one for all threads."""
    Context.names["n"] = 0
    context = Context(0)

    def bump():
        context.names["n"] += 1  # racy

    together(bump, bump)
    assert Context.names["n"] in (1, 2)


def test_race_shared_counter_beside_a_local():
    """The local counts for its thread, the box for both."""
    local = threading.local()
    box = Box()

    def work():
        local.n = 0
        local.n += 1
        box.n += local.n  # racy

    together(work, work)
    assert box.n in (1, 2)


def test_race_list_of_one_thread_given_to_the_other():
    """The list was the first thread's own until it was put where the second one finds it."""
    local = threading.local()
    given = {}
    ready = threading.Event()
    seen = [None]

    def give():
        local.items = [1]
        given["items"] = local.items
        ready.set()
        local.items.append(2)  # racy

    def look():
        ready.wait()
        seen[0] = len(given["items"])  # racy

    together(give, look)
    assert seen[0] in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_attribute_of_a_local():
    """One name, but each thread has an attribute of its own."""
    local = threading.local()
    seen = [None, None]

    def work(place):
        local.n = place
        local.n += 10
        seen[place] = local.n

    together(lambda: work(0), lambda: work(1))
    assert seen == [10, 11]


def test_no_race_local_of_the_module():
    """A local that was made at import is as good as any."""
    seen = [None, None]

    def work(place):
        LOCAL.n = place
        del LOCAL.n
        LOCAL.n = place + 1
        seen[place] = LOCAL.n

    together(lambda: work(0), lambda: work(1))
    assert seen == [1, 2]


def test_no_race_subclass_with_init():
    """__init__ gives each thread its own number and its own list."""
    context = Context(5)
    seen = [None, None]

    def work(place):
        for _ in range(place + 1):
            context.n += 1
            context.seen.append(context.n)
        seen[place] = context.seen

    together(lambda: work(0), lambda: work(1))
    assert seen == [[6], [6, 7]]
    assert context.n == 5


def test_no_race_object_of_each_thread():
    """Each thread makes the box that its attribute refers to."""
    local = threading.local()
    seen = [None, None]

    def work(place):
        local.box = Box(place)
        local.box.n += 1
        seen[place] = local.box.n

    together(lambda: work(0), lambda: work(1))
    assert seen == [1, 2]


def test_no_race_made_when_first_used():
    """Each thread looks for its own attribute, finds none and makes one."""
    local = threading.local()
    seen = [None, None]

    def count():
        if not hasattr(local, "n"):
            local.n = 0
        local.n += 1
        return local.n

    def work(place):
        count()
        seen[place] = count()

    together(lambda: work(0), lambda: work(1))
    assert seen == [2, 2]


def test_no_race_main_has_an_attribute_too():
    """Main's attribute is not the threads'."""
    local = threading.local()
    local.n = 1

    def work():
        local.n = 2

    thread = threading.Thread(target=work)
    thread.start()
    local.n += 10
    thread.join()
    assert local.n == 11


def test_no_race_workers_of_a_pool():
    """Calls that one worker runs follow one another, and each worker has its own attribute."""
    local = threading.local()

    def prepare():
        local.n = 0

    def count():
        local.n += 1
        return local.n

    with ThreadPoolExecutor(2, initializer=prepare) as pool:
        counts = [future.result() for future in [pool.submit(count) for _ in range(3)]]
    assert all(1 <= n <= 3 for n in counts)


def test_no_race_thread_within_a_thread():
    """The inner thread does not see the outer one's attribute, and writes its own."""
    local = threading.local()
    seen = []

    def inner():
        seen.append(hasattr(local, "n"))
        local.n = 2

    def outer():
        local.n = 1
        together(inner)
        local.n += 10
        seen.append(local.n)

    together(outer)
    assert seen == [False, 11]
