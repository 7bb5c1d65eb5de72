"""Items of dicts and lists: one location for each container and key."""

from .running import in_turn, together


class Holder:
    def __init__(self, items):
        self.items = items


def key_of(name):
    return name.lower()


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_dict_item_augmented():
    """Both threads read and write counts["a"]."""
    counts = {"a": 0}

    def bump():
        counts["a"] += 1  # racy

    together(bump, bump)
    assert counts["a"] in (1, 2)


def test_race_dict_item_written_and_read():
    """One thread writes the item that the other one reads."""
    prices = {"tea": 3}
    seen = [None]

    def write():
        prices["tea"] = 4  # racy

    def read():
        seen[0] = prices["tea"]  # racy

    together(write, read)
    assert seen[0] in (3, 4)


def test_race_dict_item_written_and_got():
    """`get` reads the item that the other thread writes for the first time."""
    prices = {}
    seen = [None]

    def write():
        prices["tea"] = 4  # racy

    def read():
        seen[0] = prices.get("tea")  # racy

    together(write, read)
    assert seen[0] in (None, 4)


def test_race_list_item_augmented():
    """Both threads read and write counts[0]."""
    counts = [0, 0]

    def bump():
        counts[0] += 1  # racy

    together(bump, bump)
    assert counts[0] in (1, 2)


def test_race_negative_and_positive_index_of_one_item():
    """values[-1] and values[2] are the same item of a list of three."""
    values = [0, 0, 0]

    def from_the_end():
        values[-1] = 1  # racy

    def from_the_start():
        values[2] = 2  # racy

    together(from_the_end, from_the_start)
    assert values[2] in (1, 2)


def test_race_nested_dict_augmented():
    """The outer dict is only read; the item of the inner one is read and written by both."""
    stats = {"day": {"hits": 0}}

    def bump():
        stats["day"]["hits"] += 1  # racy

    together(bump, bump)
    assert stats["day"]["hits"] in (1, 2)


def test_race_nested_list_augmented():
    """The same cell of the grid for both threads."""
    grid = [[0, 0], [0, 0]]

    def bump():
        grid[1][0] += 1  # racy

    together(bump, bump)
    assert grid[1][0] in (1, 2)


def test_race_item_of_an_attribute_augmented():
    """The attribute is only read; the item of its dict is read and written by both."""
    holder = Holder({"a": 0})

    def bump():
        holder.items["a"] += 1  # racy

    together(bump, bump)
    assert holder.items["a"] in (1, 2)


def test_race_item_with_a_computed_key():
    """Both calls compute the same key."""
    counts = {"a": 0}

    def bump(name):
        counts[key_of(name)] += 1  # racy

    together(lambda: bump("A"), lambda: bump("a"))
    assert counts["a"] in (1, 2)


def test_race_equal_keys_of_different_types():
    """1 and True are equal and have one hash, so they are one key of the dict."""
    names = {1: "one"}

    def write():
        names[1] = "uno"  # racy

    def write_too():
        names[True] = "yes"  # racy

    together(write, write_too)
    assert names[1] in ("uno", "yes")


def test_race_equal_tuples_as_keys():
    """Two tuples that are equal are one key, though they are two objects."""
    board = {}

    def put(row, column):
        board[(row, column)] = "x"  # racy

    together(lambda: put(1, 2), lambda: put(1, 2))
    assert board == {(1, 2): "x"}


def test_race_check_then_insert():
    """Both look for the key before one of them has inserted it."""
    seats = {}

    def book(name):
        if "1A" not in seats:  # racy
            seats["1A"] = name  # racy

    together(lambda: book("ann"), lambda: book("bob"))
    assert seats["1A"] in ("ann", "bob")


def test_race_item_deleted_and_written():
    """`del` takes away the item that the other thread writes."""
    seats = {"1A": "ann"}

    def give_back():
        del seats["1A"]  # racy

    def book():
        seats["1A"] = "bob"  # racy

    together(give_back, book)


def test_race_swap_of_two_items():
    """The swap reads and writes both items; the other thread reads one."""
    values = [1, 2]
    seen = [None]

    def swap():
        values[0], values[1] = values[1], values[0]  # racy

    def look():
        seen[0] = values[1]  # racy

    together(swap, look)
    assert seen[0] in (1, 2)


def test_race_tuple_of_targets():
    """One statement writes two items, and so does the other thread's."""
    limits = {"low": 0, "high": 9}

    def widen():
        limits["low"], limits["high"] = -1, 10  # racy

    def narrow():
        limits["high"], limits["low"] = 5, 4  # racy

    together(widen, narrow)
    assert limits["low"] in (-1, 4)


def test_race_slice_written_and_item_read():
    """The slice holds the item that the other thread reads."""
    values = [0, 0, 0]
    seen = [None]

    def write():
        values[0:2] = [1, 1]  # racy

    def read():
        seen[0] = values[0]  # racy

    together(write, read)
    assert seen[0] in (0, 1)


def test_race_mutable_argument_shared_by_two_calls():
    """The default value is one dict for all calls."""

    def remember(value, memory={"last": None}):
        memory["last"] = value  # racy
        return memory

    together(lambda: remember(1), lambda: remember(2))
    assert remember(3) == {"last": 3}


def test_race_item_by_an_object_as_key():
    """Objects without __eq__ are keys by their identity, and this one is the same for both."""
    key = Holder(None)
    weights = {key: 1}

    def double():
        weights[key] *= 2  # racy

    together(double, double)
    assert weights[key] in (2, 4)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_different_keys_of_one_dict():
    """Each thread updates a key of its own that was there before."""
    counts = {"a": 0, "b": 0}

    def bump(key):
        counts[key] += 1

    together(lambda: bump("a"), lambda: bump("b"))
    assert counts == {"a": 1, "b": 1}


def test_no_race_each_thread_adds_a_key_of_its_own():
    """Different keys are different locations, also when they are new."""
    results = {}

    def work(name, value):
        results[name] = value
        results[name] += 1

    together(lambda: work("a", 1), lambda: work("b", 2))
    assert results == {"a": 2, "b": 3}


def test_no_race_different_indices_of_one_list():
    """Each thread writes a place of its own."""
    results = [None, None]

    def work(place):
        results[place] = place * 10

    together(lambda: work(0), lambda: work(1))
    assert results == [0, 10]


def test_no_race_negative_index_of_another_item():
    """values[-1] is the last of three, values[1] the middle one."""
    values = [0, 0, 0]

    def from_the_end():
        values[-1] += 1

    def from_the_start():
        values[1] += 1

    together(from_the_end, from_the_start)
    assert values == [0, 1, 1]


def test_no_race_different_tuples_as_keys():
    """(1, 2) and (2, 1) are two keys."""
    board = {(1, 2): 0, (2, 1): 0}

    def put(row, column):
        board[(row, column)] += 1

    together(lambda: put(1, 2), lambda: put(2, 1))
    assert board == {(1, 2): 1, (2, 1): 1}


def test_no_race_different_numbers_with_one_hash():
    """hash(-1) and hash(-2) are equal, -1 and -2 are not: two keys."""
    shifts = {-1: 0, -2: 0}
    assert hash(-1) == hash(-2)

    def bump(key):
        shifts[key] += 1

    together(lambda: bump(-1), lambda: bump(-2))
    assert shifts == {-1: 1, -2: 1}


def test_no_race_text_and_bytes_with_one_hash():
    """hash("a") and hash(b"a") are equal, the keys are not."""
    counts = {"a": 0, b"a": 0}

    def bump(key):
        counts[key] += 1

    together(lambda: bump("a"), lambda: bump(b"a"))
    assert counts == {"a": 1, b"a": 1}


def test_no_race_number_and_its_text():
    """1 and "1" are two keys."""
    counts = {1: 0, "1": 0}

    def bump(key):
        counts[key] += 1

    together(lambda: bump(1), lambda: bump("1"))
    assert counts == {1: 1, "1": 1}


def test_no_race_each_thread_has_a_row():
    """The outer list is only read, and no two threads write one row."""
    grid = [[0, 0], [0, 0]]

    def fill(row):
        for column in range(2):
            grid[row][column] += row + 1

    together(lambda: fill(0), lambda: fill(1))
    assert grid == [[1, 1], [2, 2]]


def test_no_race_same_key_of_different_dicts():
    """The key is the same, the dicts are not."""
    left, right = {"a": 0}, {"a": 0}

    def bump(counts):
        counts["a"] += 1

    together(lambda: bump(left), lambda: bump(right))
    assert left == right == {"a": 1}


def test_no_race_items_only_read():
    """Nobody writes after the start."""
    prices = {"tea": 3, "cake": 5}
    seen = [None, None]

    def read(place):
        seen[place] = prices["tea"] + prices.get("cake", 0)

    together(lambda: read(0), lambda: read(1))
    assert seen == [8, 8]


def test_no_race_one_item_in_turn():
    """Each thread is joined before the next one starts."""
    counts = {"a": 0}

    def bump():
        counts["a"] += 1

    in_turn(bump, bump)
    assert counts == {"a": 2}


def test_no_race_computed_keys_that_differ():
    """The calls compute two keys."""
    counts = {"a": 0, "b": 0}

    def bump(name):
        counts[key_of(name)] += 1

    together(lambda: bump("A"), lambda: bump("B"))
    assert counts == {"a": 1, "b": 1}


def test_no_race_each_thread_deletes_its_own_key():
    """No two threads touch one key."""
    seats = {"1A": "ann", "1B": "bob"}

    def give_back(seat):
        seats.pop(seat, None)

    together(lambda: give_back("1A"), lambda: give_back("1B"))
    assert seats == {}


def test_no_race_objects_that_are_keys_by_identity():
    """Two objects without __eq__ are two keys."""
    left, right = Holder(None), Holder(None)
    weights = {left: 1, right: 1}

    def double(key):
        weights[key] *= 2

    together(lambda: double(left), lambda: double(right))
    assert weights == {left: 2, right: 2}


def test_no_race_key_of_one_dict_and_attribute_of_that_name():
    """holder.items and the item "items" are two locations."""
    holder = Holder({"items": 0})
    inner = holder.items

    def bump():
        inner["items"] += 1

    def replace():
        holder.items = None

    together(bump, replace)
    assert inner == {"items": 1}
