"""Classes with special methods of their own: what those touch is what may race."""

import threading

from .running import together


class Proxy:
    """Hands on what it does not have."""

    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return self.target.values[name]  # racy


class Store:
    def __init__(self, **values):
        self.values = values


class LockedNamespace:
    """Every attribute is an item of a dict that is only touched under the lock."""

    def __init__(self, **values):
        object.__setattr__(self, "guard", threading.Lock())
        object.__setattr__(self, "kept", values)

    def __getattr__(self, name):
        with self.guard:
            return self.kept[name]

    def __setattr__(self, name, value):
        with self.guard:
            self.kept[name] = value


class Tickets:
    """An iterator that counts."""

    def __init__(self, last):
        self.issued = 0
        self.last = last

    def __iter__(self):
        return self

    def __next__(self):
        if self.issued >= self.last:  # racy
            raise StopIteration
        self.issued += 1  # racy
        return self.issued  # racy


class Grid:
    """Has its cells behind [] of its own."""

    def __init__(self):
        self.cells = {}

    def __getitem__(self, place):
        return self.cells.get(place, 0)  # racy

    def __setitem__(self, place, value):
        self.cells[place] = value  # racy


class Metered:
    """Counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1  # racy


class Nesting:
    """Counts the blocks that are open."""

    def __init__(self):
        self.depth = 0

    def __enter__(self):
        self.depth += 1  # racy

    def __exit__(self, *_):
        self.depth -= 1  # racy


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_behind_a_proxy():
    """The proxy reads the item that the other thread writes in the store."""
    store = Store(level=1)
    proxy = Proxy(store)
    seen = [None]

    def look():
        seen[0] = proxy.level

    def change():
        store.values["level"] = 2  # racy

    together(look, change)
    assert seen[0] in (1, 2)


def test_race_one_iterator_for_two_threads():
    """Each step of the iterator reads and writes its count."""
    tickets = Tickets(2)
    taken = [None, None]

    def take(place):
        taken[place] = next(tickets)

    together(lambda: take(0), lambda: take(1))
    assert set(taken) <= {1, 2}


def test_race_subscript_of_a_class_of_its_own():
    """`+=` calls __getitem__ and then __setitem__, and nothing holds them together."""
    grid = Grid()

    def bump():
        grid[0, 0] += 1

    together(bump, bump)
    assert grid[0, 0] in (1, 2)


def test_race_callable_object():
    """Each call counts itself."""
    metered = Metered()
    together(metered, metered)
    assert metered.calls in (1, 2)


def test_race_block_counted_by_its_context():
    """Entering and leaving count without a lock."""
    nesting = Nesting()

    def work():
        with nesting:
            pass

    together(work, work)
    assert nesting.depth in (-1, 0, 1)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_attributes_set_and_got_under_a_lock():
    """__setattr__ and __getattr__ take the lock: the attribute is no place in the object."""
    namespace = LockedNamespace(level=1)
    seen = [None]

    def write():
        namespace.level = 2

    def read():
        seen[0] = namespace.level

    together(write, read)
    assert seen[0] in (1, 2)


def test_no_race_one_iterator_under_a_lock():
    """Every step is under the lock."""
    lock = threading.Lock()
    tickets = Tickets(2)
    taken = [None, None]

    def take(place):
        with lock:
            taken[place] = next(tickets)

    together(lambda: take(0), lambda: take(1))
    assert sorted(taken) == [1, 2]


def test_no_race_places_of_a_grid_of_their_own():
    """The places are keys of the grid's dict, and the threads' keys differ."""
    grid = Grid()

    def bump(place):
        grid[place] += 1
        grid[place] += 1

    together(lambda: bump((0, 1)), lambda: bump((1, 0)))
    assert (grid[0, 1], grid[1, 0]) == (2, 2)


def test_no_race_proxy_over_what_nobody_writes():
    """Both threads read through the proxy."""
    proxy = Proxy(Store(level=1))
    seen = [None, None]

    def look(place):
        seen[place] = proxy.level

    together(lambda: look(0), lambda: look(1))
    assert seen == [1, 1]
