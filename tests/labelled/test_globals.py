"""Globals of a module: one location for each name. Every test begins with the values that it needs."""

import threading

from .running import in_turn, together

LIMIT = 10
NAMES = ("ann", "bob")
LOCK = threading.Lock()

count = 0
flag = False
instance = None
items = ()
low = high = 0
latest = None
setting = "default"
table = {}


class Registry:
    def __init__(self):
        self.names = ()


def get_instance():
    global instance
    if instance is None:  # racy
        instance = Registry()  # racy
    return instance  # racy


def get_instance_under_lock():
    global instance
    with LOCK:
        if instance is None:
            instance = Registry()
        return instance


def bump():
    global count
    count += 1  # racy


def bump_under_lock():
    global count
    with LOCK:
        count += 1


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_global_counter():
    """Both threads read and write the global, and nothing orders them."""
    global count
    count = 0
    together(bump, bump)
    assert count in (1, 2)


def test_race_global_read_and_written_in_two_statements():
    """A local variable between the read and the write protects nothing."""
    global count
    count = 0

    def bump_slowly():
        global count
        seen = count  # racy
        count = seen + 1  # racy

    together(bump_slowly, bump_slowly)
    assert count in (1, 2)


def test_race_lazily_made_instance():
    """Both look before one of them has made the instance."""
    global instance
    instance = None
    together(get_instance, get_instance)
    assert instance is not None


def test_race_global_flag():
    """One thread writes the flag that the other one reads."""
    global flag
    flag = False
    seen = [None]

    def stop():
        global flag
        flag = True  # racy

    def look():
        seen[0] = flag  # racy

    together(stop, look)
    assert seen[0] in (False, True)


def test_race_copy_on_write_without_a_lock():
    """Each tuple is immutable; the global that names the current one is read and written by both."""
    global items
    items = ()

    def add(item):
        global items
        items = (*items, item)  # racy

    together(lambda: add(1), lambda: add(2))
    assert items in ((1,), (2,), (1, 2), (2, 1))


def test_race_tuple_of_globals():
    """One statement writes both globals, and so does the other thread's."""
    global low, high
    low, high = 0, 10

    def widen():
        global low, high
        low, high = -1, 11  # racy

    def narrow():
        global low, high
        low, high = 4, 5  # racy

    together(widen, narrow)
    assert low in (-1, 4)


def test_race_global_bound_by_a_walrus():
    """`:=` writes the global, in both threads."""
    global latest
    latest = None
    seen = [None, None]

    def remember(place, value):
        global latest
        seen[place] = (latest := value)  # racy

    together(lambda: remember(0, "a"), lambda: remember(1, "b"))
    assert latest in seen


def test_race_item_of_a_global_dict():
    """The global is bound once; the item of its dict is written and read."""
    table.clear()
    table["a"] = 0
    seen = [None]

    def write():
        table["a"] = 1  # racy

    def read():
        seen[0] = table["a"]  # racy

    together(write, read)
    assert seen[0] in (0, 1)


def test_race_main_against_a_thread():
    """Main changes the setting after the start of the thread that reads it."""
    global setting
    setting = "default"
    seen = [None]

    def look():
        seen[0] = setting  # racy

    thread = threading.Thread(target=look)
    thread.start()
    setting = "changed"  # racy
    thread.join()
    assert seen[0] in ("default", "changed")


def test_race_lock_on_one_side_only():
    """bump() does not take the lock that bump_under_lock() takes."""
    global count
    count = 0

    def bump_with_lock():
        global count
        with LOCK:
            count += 1  # racy

    together(bump, bump_with_lock)
    assert count in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_constants():
    """Nobody writes LIMIT and NAMES after the import."""
    seen = [None, None]

    def look(place):
        seen[place] = (LIMIT, NAMES[place])

    together(lambda: look(0), lambda: look(1))
    assert seen == [(10, "ann"), (10, "bob")]


def test_no_race_counter_under_a_lock_of_the_module():
    """Each update is between the acquisition and the release of one lock."""
    global count
    count = 0
    together(bump_under_lock, bump_under_lock)
    assert count == 2


def test_no_race_lazily_made_under_a_lock():
    """Looking and making are under one lock, for all who look."""
    global instance
    instance = None
    got = [None, None]

    def use(place):
        got[place] = get_instance_under_lock()

    together(lambda: use(0), lambda: use(1))
    assert got[0] is got[1]


def test_no_race_different_globals():
    """Each thread writes a global of its own."""
    global low, high
    low = high = 0

    def lower():
        global low
        low -= 1

    def raise_():
        global high
        high += 1

    together(lower, raise_)
    assert (low, high) == (-1, 1)


def test_no_race_local_variable_of_the_same_name():
    """Without `global`, an assignment makes a local variable of each call."""
    global count
    count = 5
    seen = [None, None]

    def work(place):
        count = place
        count += 1
        seen[place] = count

    together(lambda: work(0), lambda: work(1))
    assert seen == [1, 2]
    assert count == 5


def test_no_race_set_before_the_start():
    """start() orders main's write before both reads."""
    global setting
    setting = "mine"
    seen = [None, None]

    def look(place):
        seen[place] = setting

    together(lambda: look(0), lambda: look(1))
    assert seen == ["mine", "mine"]


def test_no_race_set_by_a_thread_that_was_joined():
    """join() orders the thread's write before main's read and the second thread's write."""
    global setting
    setting = "default"

    def change():
        global setting
        setting = setting + "!"

    in_turn(change, change)
    assert setting == "default!!"


def test_no_race_copy_on_write_under_a_lock():
    """The global is read and rebound under the lock; a tuple that was read once is never changed."""
    global items
    items = ()
    sums = [None, None]

    def add(place, item):
        global items
        with LOCK:
            items = (*items, item)
            current = items
        sums[place] = sum(current)

    together(lambda: add(0, 1), lambda: add(1, 2))
    assert sorted(items) == [1, 2]
    assert 3 in sums


def test_no_race_global_dict_with_a_key_for_each_thread():
    """The global is bound once, and the keys differ."""
    table.clear()

    def write(key):
        table[key] = key.upper()

    together(lambda: write("a"), lambda: write("b"))
    assert table == {"a": "A", "b": "B"}


def test_no_race_parameter_shadows_a_global_that_is_written():
    """The second thread's `flag` is its own parameter."""
    global flag
    flag = False
    seen = [None]

    def stop():
        global flag
        flag = True

    def look(flag):
        seen[0] = flag

    together(stop, lambda: look("own"))
    assert flag
    assert seen == ["own"]
