"""Dicts, sets and their kin: methods on one key, and on the container as a whole."""

import contextlib
import threading
from collections import Counter, OrderedDict, defaultdict

from .running import together


class Box:
    def __init__(self, items=None):
        self.items = items


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_setdefault_then_update():
    """setdefault() is one step, but the update of what it put there is not under any lock."""
    counts = {}

    def bump():
        counts.setdefault("n", 0)  # racy
        counts["n"] += 1  # racy

    together(bump, bump)
    assert counts["n"] in (1, 2)


def test_race_setdefault_against_write():
    """Which value stays depends on who comes first."""
    owners = {}

    def claim():
        owners.setdefault("seat", "ann")  # racy

    def write():
        owners["seat"] = "bob"  # racy

    together(claim, write)
    assert owners["seat"] == "bob"


def test_race_pop_of_a_key_against_write():
    """pop() takes away the key that the other thread writes."""
    sessions = {"ann": 1}

    def leave():
        sessions.pop("ann", None)  # racy

    def renew():
        sessions["ann"] = 2  # racy

    together(leave, renew)
    assert sessions.get("ann") in (None, 2)


def test_race_update_against_an_item():
    """update() writes the item that the other thread reads."""
    prices = {"tea": 3}
    seen = [None]

    def change():
        prices.update({"tea": 4, "cake": 5})  # racy

    def look():
        seen[0] = prices["tea"]  # racy

    together(change, look)
    assert seen[0] in (3, 4)


def test_race_clear_against_length():
    """clear() takes away what the other thread counts."""
    prices = {"tea": 3}
    seen = [None]

    def forget():
        prices.clear()  # racy

    def look():
        seen[0] = len(prices)  # racy

    together(forget, look)
    assert seen[0] in (0, 1)


def test_race_popitem_against_get():
    """The only item is the one that popitem() takes."""
    jobs = {"a": 1}
    seen = [None]

    def take():
        jobs.popitem()  # racy

    def look():
        seen[0] = jobs.get("a")  # racy

    together(take, look)
    assert seen[0] in (None, 1)


def test_race_copy_of_a_dict_against_insertion():
    """copy() reads all of the dict."""
    users = {"ann": 1}
    seen = [None]

    def save():
        seen[0] = users.copy()  # racy

    def add():
        users["eve"] = 2  # racy

    together(save, add)
    assert seen[0] in ({"ann": 1}, {"ann": 1, "eve": 2})


def test_race_seen_before():
    """Both look for the element before one of them has added it."""
    seen = set()
    firsts = [False, False]

    def visit(place):
        if "page" not in seen:  # racy
            firsts[place] = True
            seen.add("page")  # racy

    together(lambda: visit(0), lambda: visit(1))
    assert any(firsts)


def test_race_discard_against_iteration():
    """The loop may meet the element, or end with a RuntimeError."""
    tags = {"a", "b"}
    seen = [0]

    def drop():
        tags.discard("a")  # racy

    def go_over():
        with contextlib.suppress(RuntimeError):
            for tag in tags:  # racy
                seen[0] += len(tag)

    together(drop, go_over)
    assert seen[0] <= 2


def test_race_intersection_update_against_membership():
    """The element may be gone or not."""
    tags = {"a", "b"}
    seen = [None]

    def narrow():
        tags.intersection_update({"b"})  # racy

    def look():
        seen[0] = "a" in tags  # racy

    together(narrow, look)
    assert seen[0] in (False, True)


def test_race_defaultdict_counter():
    """The default does not make `+=` one step."""
    counts = defaultdict(int)

    def bump():
        counts["n"] += 1  # racy

    together(bump, bump)
    assert counts["n"] in (1, 2)


def test_race_defaultdict_reading_inserts():
    """Reading a key that is missing inserts it, while the other thread counts the keys."""
    groups = defaultdict(tuple)
    seen = [None, None]

    def look():
        seen[0] = groups["a"]  # racy

    def count():
        seen[1] = len(groups)  # racy

    together(look, count)
    assert seen[0] == ()
    assert seen[1] in (0, 1)


def test_race_counter_item():
    """A Counter is a dict: both threads read and write one item."""
    votes = Counter()

    def vote():
        votes["yes"] += 1  # racy

    together(vote, vote)
    assert votes["yes"] in (1, 2)


def test_race_counter_update_against_most_common():
    """most_common() goes over the items that update() changes."""
    votes = Counter(yes=1)
    seen = [None]

    def add():
        votes.update({"yes": 1})  # racy

    def look():
        seen[0] = votes.most_common()  # racy

    together(add, look)
    assert seen[0] in ([("yes", 1)], [("yes", 2)])


def test_race_moved_to_the_end_and_listed():
    """move_to_end() changes the order in which the other thread lists the keys."""
    recent = OrderedDict(a=1, b=2)
    seen = [None]

    def use():
        recent.move_to_end("a")  # racy

    def look():
        seen[0] = list(recent)  # racy

    together(use, look)
    assert seen[0] in (["a", "b"], ["b", "a"])


def test_race_length_of_a_dict_and_insertion():
    """len() reads what a new key changes."""
    users = {"ann": 1}
    seen = [None]

    def look():
        seen[0] = len(users)  # racy

    def add():
        users["eve"] = 3  # racy

    together(look, add)
    assert seen[0] in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_methods_on_keys_of_their_own():
    """setdefault, get, pop and `in` of one key do not touch the others."""
    state = {"a": 1, "b": 1}

    def work(key):
        state.setdefault(key, 5)
        before = state.get(key, 0)
        state.pop(key)
        if key not in state:
            state[key] = before + 1

    together(lambda: work("a"), lambda: work("b"))
    assert state == {"a": 2, "b": 2}


def test_no_race_elements_of_their_own():
    """Each thread adds, looks for and discards an element of its own."""
    members = {"main"}

    def work(name):
        members.add(name)
        if name in members:
            members.discard(name)
        members.add(name)

    together(lambda: work("a"), lambda: work("b"))
    assert members == {"main", "a", "b"}


def test_no_race_counters_merged_under_a_lock():
    """Each thread counts for itself and adds its counts under the lock."""
    lock = threading.Lock()
    total = Counter()

    def count(words):
        own = Counter()
        for word in words:
            own[word] += 1
        with lock:
            total.update(own)

    together(lambda: count("aab"), lambda: count("abc"))
    assert total == {"a": 3, "b": 2, "c": 1}


def test_no_race_defaultdict_with_a_key_for_each_thread():
    """Each thread reads, and so inserts, a key of its own."""
    groups = defaultdict(list)

    def work(name):
        groups[name].append(1)
        groups[name].append(2)

    together(lambda: work("a"), lambda: work("b"))
    assert groups == {"a": [1, 2], "b": [1, 2]}


def test_no_race_recent_entries_under_a_lock():
    """All that is done to the OrderedDict is under the lock."""
    lock = threading.Lock()
    cache = OrderedDict(a=1, b=2)

    def use(key):
        with lock:
            if key in cache:
                cache.move_to_end(key)
            else:
                cache[key] = 0
            if len(cache) > 2:
                cache.popitem(last=False)

    together(lambda: use("a"), lambda: use("c"))
    assert len(cache) == 2
    assert "c" in cache


def test_no_race_copy_updated_and_put_in_its_place_under_a_lock():
    """Nobody changes a dict that others can see; the reference is read and written under the lock."""
    lock = threading.Lock()
    box = Box({"a": 1})
    seen = [None]

    def add():
        with lock:
            changed = dict(box.items)
            changed["b"] = 2
            box.items = changed

    def look():
        with lock:
            current = box.items
        seen[0] = sum(current.values())

    together(add, look)
    assert seen[0] in (1, 3)
