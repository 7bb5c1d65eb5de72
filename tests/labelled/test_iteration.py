"""Iteration, and what else reads a container as a whole, against what changes it."""

import contextlib
import threading
from collections import deque

from .running import in_turn, together


def total(*values):
    return sum(values)


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_list_iterated_and_appended_to():
    """Each step of the loop reads the list that the other thread makes longer."""
    jobs = [1, 2]
    seen = [0]

    def go_over():
        for job in jobs:  # racy
            seen[0] += job

    def add():
        jobs.append(3)  # racy

    together(go_over, add)
    assert seen[0] in (3, 6)


def test_race_dict_iterated_and_inserted_into():
    """The insertion may even end the loop with a RuntimeError."""
    users = {"ann": 1, "bob": 2}
    seen = [0]

    def go_over():
        with contextlib.suppress(RuntimeError):
            for name in users:  # racy
                seen[0] += len(name)

    def add():
        users["eve"] = 3  # racy

    together(go_over, add)
    assert seen[0] <= 9


def test_race_dict_items_iterated_and_inserted_into():
    """A view is no copy: it reads the dict at each step."""
    users = {"ann": 1, "bob": 2}
    seen = [0]

    def go_over():
        with contextlib.suppress(RuntimeError):
            for _, number in users.items():  # racy
                seen[0] += number

    def add():
        users["eve"] = 3  # racy

    together(go_over, add)
    assert seen[0] <= 6


def test_race_dict_sorted_and_inserted_into():
    """sorted() reads all keys, among them or not the one that the other thread adds."""
    users = {"ann": 1, "bob": 2}
    seen = [None]

    def look():
        seen[0] = sorted(users)  # racy

    def add():
        users["eve"] = 3  # racy

    together(look, add)
    assert seen[0] in (["ann", "bob"], ["ann", "bob", "eve"])


def test_race_values_summed_and_written():
    """The sum reads the value that the other thread writes under a key that is there already."""
    stock = {"tea": 1, "cake": 2}
    seen = [None]

    def add_up():
        seen[0] = sum(stock.values())  # racy

    def sell():
        stock["tea"] = 0  # racy

    together(add_up, sell)
    assert seen[0] in (2, 3)


def test_race_set_iterated_and_added_to():
    """The new element may be met by the loop, or end it with a RuntimeError."""
    tags = {"a", "b"}
    seen = [0]

    def go_over():
        with contextlib.suppress(RuntimeError):
            for tag in tags:  # racy
                seen[0] += len(tag)

    def add():
        tags.add("c")  # racy

    together(go_over, add)
    assert seen[0] <= 3


def test_race_deque_iterated_and_appended_to():
    """A deque that changes ends the loop with a RuntimeError, if it is still going on."""
    log = deque([1, 2])
    seen = [0]

    def go_over():
        with contextlib.suppress(RuntimeError):
            for entry in log:  # racy
                seen[0] += entry

    def add():
        log.append(3)  # racy

    together(go_over, add)
    assert seen[0] <= 6


def test_race_list_iterated_and_one_item_replaced():
    """The loop reads the item that the other thread writes."""
    values = [1, 1]
    seen = [0]

    def go_over():
        for value in values:  # racy
            seen[0] += value

    def replace():
        values[1] = 5  # racy

    together(go_over, replace)
    assert seen[0] in (2, 6)


def test_race_comprehension_and_append():
    """The comprehension goes over the list as a loop does."""
    values = [1, 2]
    seen = [None]

    def square():
        seen[0] = [value * value for value in values]  # racy

    def add():
        values.append(3)  # racy

    together(square, add)
    assert seen[0] in ([1, 4], [1, 4, 9])


def test_race_enumerate_and_append():
    """enumerate reads the list step by step."""
    values = [1, 2]
    seen = [0]

    def go_over():
        for place, value in enumerate(values):  # racy
            seen[0] += place * value

    def add():
        values.append(3)  # racy

    together(go_over, add)
    assert seen[0] in (2, 8)


def test_race_zip_and_append():
    """zip reads both lists step by step, one of them the list that grows."""
    names, ages = ["ann", "bob", "eve"], [30, 40]
    seen = [0]

    def go_over():
        for _, age in zip(names, ages, strict=False):  # racy
            seen[0] += age

    def add():
        ages.append(50)  # racy

    together(go_over, add)
    assert seen[0] in (70, 120)


def test_race_star_argument_and_append():
    """`*values` reads all of the list."""
    values = [1, 2]
    seen = [None]

    def add_up():
        seen[0] = total(*values)  # racy

    def add():
        values.append(3)  # racy

    together(add_up, add)
    assert seen[0] in (3, 6)


def test_race_copy_made_too_late():
    """list() makes the copy in the thread, unordered with the append."""
    values = [1, 2]
    seen = [0]

    def go_over():
        for value in list(values):  # racy
            seen[0] += value

    def add():
        values.append(3)  # racy

    together(go_over, add)
    assert seen[0] in (3, 6)


def test_race_iteration_outside_of_the_lock():
    """The lock is held while the reference is fetched, not while the list is gone over."""
    lock = threading.Lock()
    jobs = {"today": [1, 2]}
    seen = [0]

    def go_over():
        with lock:
            current = jobs["today"]
        for job in current:  # racy
            seen[0] += job

    def add():
        with lock:
            jobs["today"].append(3)  # racy

    together(go_over, add)
    assert seen[0] in (3, 6)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_two_iterations_of_one_list():
    """Both only read."""
    values = [1, 2, 3]
    seen = [0, 0]

    def go_over(place):
        for value in values:
            seen[place] += value

    together(lambda: go_over(0), lambda: go_over(1))
    assert seen == [6, 6]


def test_no_race_two_iterations_of_one_dict():
    """Both only read, one by keys and one by a view."""
    users = {"ann": 1, "bob": 2}
    seen = [0, 0]

    def keys():
        for name in users:
            seen[0] += len(name)

    def values():
        seen[1] = sum(users.values())

    together(keys, values)
    assert seen == [6, 3]


def test_no_race_copy_made_under_the_lock():
    """The copy is the thread's own; the original is only touched under the lock."""
    lock = threading.Lock()
    jobs = [1, 2]
    seen = [0]

    def go_over():
        with lock:
            copy = list(jobs)
        for job in copy:
            seen[0] += job

    def add():
        with lock:
            jobs.append(3)

    together(go_over, add)
    assert seen[0] in (3, 6)


def test_no_race_items_copied_under_the_lock():
    """list(users.items()) is made under the lock that the insertion takes."""
    lock = threading.Lock()
    users = {"ann": 1}
    seen = [0]

    def go_over():
        with lock:
            pairs = list(users.items())
        for _, number in pairs:
            seen[0] += number

    def add():
        with lock:
            users["eve"] = 3

    together(go_over, add)
    assert seen[0] in (1, 4)


def test_no_race_iteration_under_the_lock():
    """All steps of the loop are under the lock that the append takes."""
    lock = threading.Lock()
    jobs = [1, 2]
    seen = [0]

    def go_over():
        with lock:
            for job in jobs:
                seen[0] += job

    def add():
        with lock:
            jobs.append(3)

    together(go_over, add)
    assert seen[0] in (3, 6)


def test_no_race_replaced_by_a_longer_copy_under_the_lock():
    """A list that was published is never changed: the writer makes a new one, and names it under the lock."""
    lock = threading.Lock()
    state = {"jobs": [1, 2]}
    seen = [0]

    def go_over():
        with lock:
            current = state["jobs"]
        for job in current:
            seen[0] += job

    def add():
        with lock:
            state["jobs"] = [*state["jobs"], 3]

    together(go_over, add)
    assert seen[0] in (3, 6)


def test_no_race_iteration_after_the_join():
    """join() orders the append before the loop."""
    jobs = [1, 2]

    def add():
        jobs.append(3)

    together(add)
    assert sum(job for job in jobs) == 6


def test_no_race_copy_made_before_the_start():
    """The thread goes over a copy that main made before; nobody else has it."""
    jobs = [1, 2]
    copy = list(jobs)
    seen = [0]

    def go_over():
        for job in copy:
            seen[0] += job

    def add():
        jobs.append(3)

    together(go_over, add)
    assert seen == [3]
    assert jobs == [1, 2, 3]


def test_no_race_tuples_cannot_change():
    """The variable is bound once, and a tuple is not written."""
    values = (1, 2, 3)
    seen = [None, None]

    def add_up(place):
        seen[place] = sum(values) + len(values)

    together(lambda: add_up(0), lambda: add_up(1))
    assert seen == [9, 9]


def test_no_race_lists_of_their_own():
    """Each thread fills and goes over a list that it made."""
    seen = [None, None]

    def work(place):
        own = []
        for number in range(3):
            own.append(number + place)
        seen[place] = [value for value in own if value]

    together(lambda: work(0), lambda: work(1))
    assert seen == [[1, 2], [1, 2, 3]]


def test_no_race_append_and_iteration_in_turn():
    """The first thread is joined before the second one starts."""
    jobs = []
    seen = [0]

    def fill():
        jobs.extend([1, 2, 3])

    def go_over():
        for job in jobs:
            seen[0] += job

    in_turn(fill, go_over)
    assert seen == [6]


def test_no_race_iterators_over_one_string():
    """Each thread has an iterator, and a string is not written."""
    word = "race"
    seen = [None, None]

    def spell(place):
        letters = iter(word)
        seen[place] = [next(letters) for _ in range(2)]

    together(lambda: spell(0), lambda: spell(1))
    assert seen == [["r", "a"], ["r", "a"]]
