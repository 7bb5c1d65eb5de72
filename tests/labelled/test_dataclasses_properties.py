"""Attributes behind which there is code: dataclasses, named tuples, properties, descriptors."""

import dataclasses
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

from .running import in_turn, together


@dataclass
class Settings:
    level: int = 0
    names: list = field(default_factory=list)

    @property
    def double(self):
        return self.level * 2  # racy


@dataclass(frozen=True)
class Frozen:
    level: int = 0
    names: tuple = ()


class Point(NamedTuple):
    x: int = 0
    y: int = 0


class Holder:
    def __init__(self, value):
        self.value = value


class Thermometer:
    """A property over a plain attribute."""

    def __init__(self):
        self._degrees = 0

    @property
    def degrees(self):
        return self._degrees  # racy

    @degrees.setter
    def degrees(self, value):
        self._degrees = value  # racy

    @degrees.deleter
    def degrees(self):
        self._degrees = None  # racy


class LockedThermometer:
    """The same under a lock."""

    def __init__(self):
        self._lock = threading.Lock()
        self._degrees = 0

    @property
    def degrees(self):
        with self._lock:
            return self._degrees

    @degrees.setter
    def degrees(self, value):
        with self._lock:
            self._degrees = value


class Field:
    """A descriptor that keeps the value in an attribute of the instance."""

    def __get__(self, instance, owner):
        return self if instance is None else instance.kept  # racy

    def __set__(self, instance, value):
        instance.kept = value  # racy


class LockedField:
    """The same under a lock of the instance."""

    def __get__(self, instance, owner):
        if instance is None:
            return self
        with instance.lock:
            return instance.kept

    def __set__(self, instance, value):
        with instance.lock:
            instance.kept = value


class Record:
    total = Field()

    def __init__(self):
        self.kept = 0


class LockedRecord:
    total = LockedField()

    def __init__(self):
        self.lock = threading.Lock()
        self.kept = 0


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_field_of_a_dataclass():
    """Both threads read and write settings.level."""
    settings = Settings()

    def raise_level():
        settings.level += 1  # racy

    together(raise_level, raise_level)
    assert settings.level in (1, 2)


def test_race_property_of_a_dataclass():
    """The property reads the field that the other thread writes."""
    settings = Settings(1)
    seen = [None]

    def look():
        seen[0] = settings.double

    def change():
        settings.level = 5  # racy

    together(look, change)
    assert seen[0] in (2, 10)


def test_race_list_of_a_dataclass():
    """default_factory made one list, which is appended to and measured."""
    settings = Settings()
    seen = [None]

    def add():
        settings.names.append("a")  # racy

    def look():
        seen[0] = len(settings.names)  # racy

    together(add, look)
    assert seen[0] in (0, 1)


def test_race_frozen_dataclass_replaced():
    """No value ever changes, but the reference to the current one is read and written by both."""
    holder = Holder(Frozen())

    def raise_level():
        holder.value = dataclasses.replace(holder.value, level=holder.value.level + 1)  # racy

    together(raise_level, raise_level)
    assert holder.value.level in (1, 2)


def test_race_named_tuple_replaced():
    """The same with a named tuple."""
    holder = Holder(Point())

    def right():
        holder.value = holder.value._replace(x=1)  # racy

    def up():
        holder.value = holder.value._replace(y=1)  # racy

    together(right, up)
    assert holder.value in ((1, 0), (0, 1), (1, 1))


def test_race_property_written_and_read():
    """Setter and getter touch one plain attribute."""
    thermometer = Thermometer()
    seen = [None]

    def write():
        thermometer.degrees = 20

    def read():
        seen[0] = thermometer.degrees

    together(write, read)
    assert seen[0] in (0, 20)


def test_race_property_augmented():
    """`+=` calls the getter and then the setter, and nothing holds them together."""
    thermometer = Thermometer()

    def warm():
        thermometer.degrees += 1

    together(warm, warm)
    assert thermometer.degrees in (1, 2)


def test_race_property_deleted_and_written():
    """The deleter writes the attribute as well."""
    thermometer = Thermometer()

    def forget():
        del thermometer.degrees

    def write():
        thermometer.degrees = 20

    together(forget, write)
    assert thermometer.degrees in (None, 20)


def test_race_descriptor():
    """Both threads read and write what the descriptor keeps in the instance."""
    record = Record()

    def bump():
        record.total += 1

    together(bump, bump)
    assert record.total in (1, 2)


def test_race_namespace():
    """Both threads read and write an attribute of the namespace."""
    namespace = SimpleNamespace(n=0)

    def bump():
        namespace.n += 1  # racy

    together(bump, bump)
    assert namespace.n in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_property_that_locks():
    """The attribute behind the property is only touched under the lock."""
    thermometer = LockedThermometer()
    seen = [None]

    def write():
        thermometer.degrees = 20

    def read():
        seen[0] = thermometer.degrees

    together(write, read)
    assert seen[0] in (0, 20)


def test_no_race_property_written_by_two_threads_under_its_lock():
    """Two blind writes, both under the lock."""
    thermometer = LockedThermometer()

    def write(value):
        thermometer.degrees = value

    together(lambda: write(1), lambda: write(2))
    assert thermometer.degrees in (1, 2)


def test_no_race_descriptor_that_locks():
    """What the descriptor keeps is only touched under the instance's lock."""
    record = LockedRecord()
    seen = [None]

    def write():
        record.total = 5

    def read():
        seen[0] = record.total

    together(write, read)
    assert seen[0] in (0, 5)


def test_no_race_frozen_dataclass_read_by_all():
    """It was complete before the start."""
    frozen = Frozen(3, ("a", "b"))
    seen = [None, None]

    def look(place):
        seen[place] = frozen.level + len(frozen.names)

    together(lambda: look(0), lambda: look(1))
    assert seen == [5, 5]


def test_no_race_named_tuple_read_by_all():
    """A named tuple cannot be written."""
    point = Point(3, 4)
    seen = [None, None]

    def look(place):
        seen[place] = point.x + point[1] + point._replace(x=0).x

    together(lambda: look(0), lambda: look(1))
    assert seen == [7, 7]


def test_no_race_dataclass_for_each_thread():
    """default_factory makes a list for each instance."""
    seen = [None, None]

    def work(place):
        settings = Settings()
        settings.level += place
        settings.names.append(place)
        seen[place] = (settings.double, settings.names)

    together(lambda: work(0), lambda: work(1))
    assert seen == [(0, [0]), (2, [1])]


def test_no_race_fields_of_one_dataclass():
    """Each thread has a field of its own."""
    settings = Settings()

    def level():
        settings.level += 1

    def names():
        settings.names.append("a")

    together(level, names)
    assert settings == Settings(1, ["a"])


def test_no_race_replaced_under_a_lock():
    """The reference is read and written under the lock, and no value ever changes."""
    lock = threading.Lock()
    holder = Holder(Frozen())

    def raise_level():
        with lock:
            holder.value = dataclasses.replace(holder.value, level=holder.value.level + 1)

    together(raise_level, raise_level)
    assert holder.value.level == 2


def test_no_race_properties_of_two_objects():
    """The property is one object of the class; what it reads and writes is each instance's."""
    left, right = Thermometer(), Thermometer()

    def warm(thermometer):
        thermometer.degrees += 1

    together(lambda: warm(left), lambda: warm(right))
    assert (left.degrees, right.degrees) == (1, 1)


def test_no_race_descriptor_of_two_objects():
    """The descriptor is one object of the class; what it keeps is each instance's."""
    left, right = Record(), Record()

    def bump(record):
        record.total += 1

    together(lambda: bump(left), lambda: bump(right))
    assert (left.total, right.total) == (1, 1)


def test_no_race_property_in_turn():
    """The first thread is joined before the second one starts."""
    thermometer = Thermometer()

    def warm():
        thermometer.degrees += 1

    in_turn(warm, warm)
    assert thermometer.degrees == 2
