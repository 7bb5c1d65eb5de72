"""Attributes of instances: one location for each object and name."""

from .running import in_turn, together


class Box:
    def __init__(self, n=0):
        self.n = n
        self.owner = None


class Pair:
    def __init__(self, left, right):
        self.left = left
        self.right = right


class Counter:
    step = 1

    def __init__(self):
        self.n = 0
        self.__hidden = 0

    def bump(self):
        self.n += self.step  # racy

    def bump_in_two_statements(self):
        n = self.n  # racy
        self.n = n + 1  # racy

    def bump_hidden(self):
        self.__hidden += 1  # racy

    def declare(self):
        self.n: int = 5  # racy


class LoudCounter(Counter):
    def shout(self):
        self.bump()


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_augmented_assignment():
    """Both threads read and write box.n, and nothing orders them."""
    box = Box()

    def bump():
        box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_read_and_write_in_two_statements():
    """A local variable between the read and the write of self.n protects nothing."""
    counter = Counter()
    together(counter.bump_in_two_statements, counter.bump_in_two_statements)
    assert counter.n in (1, 2)


def test_race_write_against_write():
    """Two blind writes of box.owner: which one stays is decided by nothing."""
    box = Box()

    def take():
        box.owner = "first"  # racy

    def take_too():
        box.owner = "second"  # racy

    together(take, take_too)
    assert box.owner in ("first", "second")


def test_race_write_against_read():
    """One thread writes box.n while the other reads it."""
    box = Box()
    seen = [None]

    def write():
        box.n = 1  # racy

    def read():
        seen[0] = box.n  # racy

    together(write, read)
    assert seen[0] in (0, 1)


def test_race_check_then_set():
    """Both look whether box.owner is None before one of them has set it."""
    box = Box()

    def claim():
        if box.owner is None:  # racy
            box.owner = "me"  # racy

    together(claim, claim)
    assert box.owner == "me"


def test_race_tuple_of_targets():
    """One statement writes both attributes of the pair, and so does the statement of the other thread."""
    pair = Pair(0, 10)

    def widen():
        pair.left, pair.right = -1, 11  # racy

    def narrow():
        pair.left, pair.right = 4, 5  # racy

    together(widen, narrow)
    assert pair.left in (-1, 4)


def test_race_swap_against_read():
    """A swap writes both attributes; the other thread reads one of them."""
    pair = Pair("a", "b")
    seen = [None]

    def swap():
        pair.left, pair.right = pair.right, pair.left  # racy

    def look():
        seen[0] = pair.left  # racy

    together(swap, look)
    assert seen[0] in ("a", "b")


def test_race_starred_target():
    """An attribute that takes the rest of an unpacking is written, in both threads."""
    box = Box()

    def fill(values):
        _, *box.n = values  # racy

    together(lambda: fill("abc"), lambda: fill("xyz"))
    assert box.n in (["b", "c"], ["y", "z"])


def test_race_delete_against_write():
    """`del` ends the attribute that the other thread writes."""
    box = Box()

    def forget():
        del box.n  # racy

    def write():
        box.n = 1  # racy

    together(forget, write)


def test_race_target_of_a_for_loop():
    """The loop writes box.n before each step, in both threads."""
    box = Box()

    def count():
        for box.n in (1, 2):  # racy
            pass

    together(count, count)
    assert box.n in (1, 2)


def test_race_chain_of_attributes():
    """The first links of the chain are only read; its last one is read and written by both."""
    tree = Pair(Box(), None)

    def bump():
        tree.left.n += 1  # racy

    together(bump, bump)
    assert tree.left.n in (1, 2)


def test_race_private_name():
    """A mangled name is a location like any other."""
    counter = Counter()
    together(counter.bump_hidden, counter.bump_hidden)


def test_race_annotated_assignment():
    """`self.n: int = 5` writes self.n, and both threads do so."""
    counter = Counter()
    together(counter.declare, counter.declare)
    assert counter.n == 5


def test_race_method_of_the_base_class():
    """The base class's method updates the attribute of one object for both threads."""
    counter = LoudCounter()
    together(counter.shout, counter.shout)
    assert counter.n in (1, 2)


def test_race_two_names_for_one_object():
    """Both names stand for the same object, so its attribute is one location."""
    box = Box()
    pair = Pair(box, box)

    def left():
        pair.left.n = 1  # racy

    def right():
        pair.right.n = 2  # racy

    together(left, right)
    assert box.n in (1, 2)


def test_race_flag_without_synchronisation():
    """A plain attribute as a signal orders nothing: flag and payload are both accessed unordered."""
    box = Box()
    seen = [None]

    def publish():
        box.n = 42  # racy
        box.owner = "ready"  # racy

    def consume():
        if box.owner == "ready":  # racy
            seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (None, 42)


def test_race_object_published_through_a_plain_attribute():
    """The new object becomes visible by a write that nothing orders with the read of the reference."""
    pair = Pair(Box(1), None)
    seen = [None]

    def replace():
        pair.left = Box(2)  # racy

    def look():
        seen[0] = pair.left  # racy

    together(replace, look)
    assert seen[0].n in (1, 2)


def test_race_three_threads_two_of_which_only_read():
    """The readers do not conflict with each other; the writer conflicts with both."""
    box = Box()
    seen = [None, None]

    def write():
        box.n = 1  # racy

    def read(place):
        seen[place] = box.n  # racy

    together(write, lambda: read(0), lambda: read(1))
    assert set(seen) <= {0, 1}


def test_race_last_of_many_updates_only():
    """Each thread works on a box of its own, but for one step at the end."""
    shared = Box()

    def work():
        own = Box()
        for _ in range(5):
            own.n += 1
        shared.n += own.n  # racy

    together(work, work)
    assert shared.n in (5, 10)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_different_attributes_of_one_object():
    """left and right are two locations, and each is one thread's."""
    pair = Pair(0, 0)

    def left():
        pair.left += 1

    def right():
        pair.right += 1

    together(left, right)
    assert (pair.left, pair.right) == (1, 1)


def test_no_race_same_attribute_of_different_objects():
    """The name is the same, the objects are not."""
    boxes = [Box(), Box()]

    def bump(box):
        box.n += 1

    together(lambda: bump(boxes[0]), lambda: bump(boxes[1]))
    assert [box.n for box in boxes] == [1, 1]


def test_no_race_written_before_the_start_and_then_only_read():
    """start() orders main's write before both reads, and reads do not conflict."""
    box = Box()
    seen = [None, None]
    box.n = 7

    def read(place):
        seen[place] = box.n

    together(lambda: read(0), lambda: read(1))
    assert seen == [7, 7]


def test_no_race_written_by_a_thread_and_read_after_its_join():
    """join() orders the write before main's read."""
    box = Box()

    def write():
        box.n = 7

    together(write)
    assert box.n == 7


def test_no_race_updated_by_two_threads_in_turn():
    """The first thread is joined before the second one starts, so main carries the order from one to the other."""
    box = Box()

    def bump():
        box.n += 1

    in_turn(bump, bump, bump)
    assert box.n == 3


def test_no_race_main_updates_between_two_threads():
    """Each update is ordered by the join before it or the start after it."""
    box = Box()

    def bump():
        box.n += 1

    in_turn(bump)
    box.n *= 10
    in_turn(bump)
    assert box.n == 11


def test_no_race_object_made_by_a_thread_and_handed_over_by_join():
    """Its making and its publication both happen before the join, and main's update after."""
    pair = Pair(None, None)

    def make():
        pair.left = Box(1)

    together(make)
    pair.left.n += 1
    assert pair.left.n == 2


def test_no_race_method_calls_on_one_object():
    """Looking up a method and a constant of the class writes nothing."""
    counter = Counter()
    seen = [None, None]

    def look(place):
        seen[place] = counter.step

    together(lambda: look(0), lambda: look(1))
    assert seen == [1, 1]


def test_no_race_each_thread_makes_its_own_object():
    """Nobody else ever knows the object that a thread makes and counts with."""
    totals = [None, None]

    def count(place):
        own = Counter()
        for _ in range(3):
            own.bump()
        totals[place] = own.n

    together(lambda: count(0), lambda: count(1))
    assert totals == [3, 3]


def test_no_race_equal_objects_are_not_one_object():
    """Two boxes that are equal in all they hold are still two locations."""
    left, right = Box(5), Box(5)

    def bump_left():
        left.n += 1

    def bump_right():
        right.n += 1

    together(bump_left, bump_right)
    assert left.n == right.n == 6


def test_no_race_chain_of_attributes_with_different_ends():
    """Both read the same first link; the ends that they write are two objects."""
    tree = Pair(Pair(Box(), Box()), None)

    def bump_left():
        tree.left.left.n += 1

    def bump_right():
        tree.left.right.n += 1

    together(bump_left, bump_right)
    assert (tree.left.left.n, tree.left.right.n) == (1, 1)


def test_no_race_attribute_deleted_and_set_by_its_only_thread():
    """The other thread works on another attribute of the same object."""
    pair = Pair(0, 0)

    def left():
        del pair.left
        pair.left = 1

    def right():
        pair.right = 1

    together(left, right)
    assert (pair.left, pair.right) == (1, 1)
