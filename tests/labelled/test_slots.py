"""Attributes in slots, of objects that have no dict and to which no weak reference can be made."""

import dataclasses
import threading

from .running import in_turn, together


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x=0, y=0):
        self.x = x
        self.y = y


class Named(Point):
    __slots__ = ("name",)

    def rename(self, name):
        self.name = name  # racy


class Loose(Point):
    """Has slots from its base, and a dict."""


@dataclasses.dataclass(slots=True)
class Reading:
    value: int = 0

    def add(self):
        self.value += 1  # racy


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_slot_augmented():
    """Both threads read and write point.x."""
    point = Point()

    def move():
        point.x += 1  # racy

    together(move, move)
    assert point.x in (1, 2)


def test_race_slot_written_and_read():
    """One thread writes the slot that the other one reads."""
    point = Point()
    seen = [None]

    def move():
        point.y = 5  # racy

    def look():
        seen[0] = point.y  # racy

    together(move, look)
    assert seen[0] in (0, 5)


def test_race_slot_deleted_and_written():
    """`del` empties the slot that the other thread fills."""
    point = Point()

    def forget():
        del point.x  # racy

    def move():
        point.x = 1  # racy

    together(forget, move)


def test_race_slot_of_a_subclass():
    """Two blind writes of one slot."""
    named = Named()
    together(lambda: named.rename("a"), lambda: named.rename("b"))
    assert named.name in ("a", "b")


def test_race_dataclass_with_slots():
    """Both threads read and write reading.value."""
    reading = Reading()
    together(reading.add, reading.add)
    assert reading.value in (1, 2)


def test_race_attribute_in_the_dict_beside_slots():
    """The name is no slot; it is one location all the same."""
    loose = Loose()
    loose.tag = 0

    def tag():
        loose.tag += 1  # racy

    together(tag, tag)
    assert loose.tag in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_different_slots():
    """x and y are two locations."""
    point = Point()

    def right():
        point.x += 1

    def up():
        point.y += 1

    together(right, up)
    assert (point.x, point.y) == (1, 1)


def test_no_race_same_slot_of_different_objects():
    """The slot is one descriptor of the class, the values are the objects' own."""
    left, right = Point(), Point()

    def move(point):
        point.x += 1

    together(lambda: move(left), lambda: move(right))
    assert (left.x, right.x) == (1, 1)


def test_no_race_slot_under_a_lock():
    """Each update is between the acquisition and the release of one lock."""
    lock = threading.Lock()
    point = Point()

    def move():
        with lock:
            point.x += 1

    together(move, move)
    assert point.x == 2


def test_no_race_slots_only_read():
    """Nobody writes after the start."""
    point = Point(3, 4)
    seen = [None, None]

    def look(place):
        seen[place] = point.x + point.y

    together(lambda: look(0), lambda: look(1))
    assert seen == [7, 7]


def test_no_race_slot_in_turn():
    """Each thread is joined before the next one starts."""
    point = Point()

    def move():
        point.x += 1

    in_turn(move, move)
    assert point.x == 2


def test_no_race_slot_and_attribute_in_the_dict():
    """One thread has the slot, the other one the attribute in the dict."""
    loose = Loose()

    def tag():
        loose.tag = 1

    def move():
        loose.x = 1

    together(tag, move)
    assert (loose.tag, loose.x) == (1, 1)
