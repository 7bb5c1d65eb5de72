"""Lists, deques, byte arrays and what they have in common: methods, lengths, single items."""

import threading
from collections import deque

from .running import in_turn, together


class Box:
    def __init__(self, items=None):
        self.items = items


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_pop_after_a_look():
    """Both look whether there is something before one of them takes it."""
    jobs = [1, 2]

    def take():
        if jobs:  # racy
            jobs.pop()  # racy

    together(take, take)
    assert jobs == []


def test_race_insert_moves_what_is_read():
    """insert(0, ...) gives every item another index."""
    values = [1, 2]
    seen = [None]

    def add():
        values.insert(0, 9)  # racy

    def look():
        seen[0] = values[0]  # racy

    together(add, look)
    assert seen[0] in (1, 9)


def test_race_sort_against_copy():
    """While a list is sorted, nobody should look at it."""
    values = [3, 1, 2]
    seen = [None]

    def sort():
        values.sort()  # racy

    def look():
        seen[0] = values.copy()  # racy

    together(sort, look)
    assert sorted(values) == [1, 2, 3]


def test_race_reverse_against_an_item():
    """reverse() writes every item."""
    values = [1, 2, 3]
    seen = [None]

    def turn():
        values.reverse()  # racy

    def look():
        seen[0] = values[0]  # racy

    together(turn, look)
    assert seen[0] in (1, 3)


def test_race_slice_deleted_and_length():
    """`del log[:]` empties the list that the other thread measures."""
    log = [1, 2, 3]
    seen = [None]

    def empty():
        del log[:]  # racy

    def look():
        seen[0] = len(log)  # racy

    together(empty, look)
    assert seen[0] in (0, 3)


def test_race_list_grown_by_augmented_assignment():
    """`+=` reads and writes the attribute, though the list stays the same."""
    box = Box([])

    def add(item):
        box.items += [item]  # racy

    together(lambda: add(1), lambda: add(2))
    assert sorted(box.items) == [1, 2]


def test_race_extend_against_index():
    """index() goes over the list that extend() makes longer."""
    values = [1, 2]
    seen = [None]

    def add():
        values.extend([3, 4])  # racy

    def look():
        seen[0] = values.index(2)  # racy

    together(add, look)
    assert seen == [1]


def test_race_deque_rotated_and_read():
    """rotate() gives every item another index."""
    ring = deque([1, 2, 3])
    seen = [None]

    def turn():
        ring.rotate(1)  # racy

    def look():
        seen[0] = ring[0]  # racy

    together(turn, look)
    assert seen[0] in (1, 3)


def test_race_item_of_a_deque():
    """Both threads read and write the first item."""
    ring = deque([0, 0])

    def bump():
        ring[0] += 1  # racy

    together(bump, bump)
    assert ring[0] in (1, 2)


def test_race_byte_of_a_bytearray():
    """Both threads read and write one byte."""
    buffer = bytearray(2)

    def bump():
        buffer[1] += 1  # racy

    together(bump, bump)
    assert buffer[1] in (1, 2)


def test_race_bytearray_extended_and_measured():
    """len() reads what extend() changes."""
    buffer = bytearray(b"ab")
    seen = [None]

    def add():
        buffer.extend(b"cd")  # racy

    def look():
        seen[0] = len(buffer)  # racy

    together(add, look)
    assert seen[0] in (2, 4)


def test_race_inner_list_of_a_shared_dict():
    """The dict is only read; the list under its key is changed and measured."""
    rooms = {"blue": ["ann"]}
    seen = [None]

    def enter():
        rooms["blue"].append("bob")  # racy

    def look():
        seen[0] = len(rooms["blue"])  # racy

    together(enter, look)
    assert seen[0] in (1, 2)


def test_race_length_and_append():
    """len() reads what append changes."""
    jobs = [1]
    seen = [None]

    def look():
        seen[0] = len(jobs)  # racy

    def add():
        jobs.append(2)  # racy

    together(look, add)
    assert seen[0] in (1, 2)


def test_race_emptiness_and_append():
    """`if jobs` reads whether the list is empty."""
    jobs = []
    seen = [False]

    def look():
        if jobs:  # racy
            seen[0] = True

    def add():
        jobs.append(1)  # racy

    together(look, add)
    assert seen[0] in (False, True)


def test_race_membership_in_a_list_and_append():
    """`in` goes over the list."""
    names = ["ann"]
    seen = [None]

    def look():
        seen[0] = "eve" in names  # racy

    def add():
        names.append("eve")  # racy

    together(look, add)
    assert seen[0] in (False, True)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_appended_under_a_lock():
    """Every append and the look at the length are under one lock."""
    lock = threading.Lock()
    log = []
    seen = [None, None]

    def add(place):
        with lock:
            log.append(place)
            seen[place] = len(log)

    together(lambda: add(0), lambda: add(1))
    assert sorted(log) == [0, 1]
    assert sorted(seen) == [1, 2]


def test_no_race_reading_methods():
    """get, index, count, copy, keys and `in` change nothing."""
    values, prices, tags = [1, 2, 2], {"tea": 3}, {"a"}
    seen = [None, None]

    def look(place):
        seen[place] = (
            values.index(2) + values.count(2) + len(values.copy()),
            prices.get("tea"),
            list(prices.keys()),
            "a" in tags,
            tags.union({"b"}) == {"a", "b"},
        )

    together(lambda: look(0), lambda: look(1))
    assert seen[0] == seen[1] == (6, 3, ["tea"], True, True)


def test_no_race_frozen_containers():
    """A tuple and a frozenset cannot be written."""
    names, tags = ("ann", "bob"), frozenset({"a", "b"})
    seen = [None, None]

    def look(place):
        seen[place] = (names.index("bob"), len(tags), "a" in tags, sorted(tags))

    together(lambda: look(0), lambda: look(1))
    assert seen[0] == seen[1] == (1, 2, True, ["a", "b"])


def test_no_race_local_lists_merged_after_the_joins():
    """Each thread fills a list of its own, and main puts them together."""
    parts = [[], []]

    def work(place):
        parts[place].append(place)
        parts[place].extend([place + 10, place + 20])
        parts[place].sort(reverse=True)

    together(lambda: work(0), lambda: work(1))
    merged = parts[0] + parts[1]
    parts.clear()
    assert merged == [20, 10, 0, 21, 11, 1]


def test_no_race_bytes_of_their_own():
    """Each thread writes a byte of its own; the length stays."""
    buffer = bytearray(2)

    def fill(place):
        buffer[place] = place + 1
        buffer[place] += 1

    together(lambda: fill(0), lambda: fill(1))
    assert bytes(buffer) == b"\x02\x03"


def test_no_race_items_of_a_deque_of_their_own():
    """Each thread writes an index of its own; nothing is added or taken."""
    ring = deque([0, 0])

    def fill(place):
        ring[place] += place + 1

    together(lambda: fill(0), lambda: fill(1))
    assert list(ring) == [1, 2]


def test_no_race_filled_and_emptied_in_turn():
    """The first thread is joined before the second one starts."""
    jobs = deque()
    done = []

    def fill():
        jobs.extend([1, 2])
        jobs.appendleft(0)

    def empty():
        while jobs:
            done.append(jobs.popleft())

    in_turn(fill, empty)
    assert done == [0, 1, 2]


def test_no_race_stack_under_a_lock():
    """Looking and taking are under one lock."""
    lock = threading.Lock()
    jobs = [1, 2, 3]
    taken = [[], []]

    def take(place):
        while True:
            with lock:
                if not jobs:
                    return
                job = jobs.pop()
            taken[place].append(job)

    together(lambda: take(0), lambda: take(1))
    assert sorted(taken[0] + taken[1]) == [1, 2, 3]


def test_no_race_lengths_of_inner_lists():
    """The outer list is only read, and each thread changes and measures an inner list of its own."""
    lanes = [[], []]
    seen = [None, None]

    def work(place):
        lanes[place].append(place)
        seen[place] = len(lanes[place])

    together(lambda: work(0), lambda: work(1))
    assert seen == [1, 1]
