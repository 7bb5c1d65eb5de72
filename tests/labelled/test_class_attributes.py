"""Attributes of classes: one location for each class that holds the name."""

import enum
import threading

from .running import in_turn, together


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_class_counter():
    """Both threads read and write the class's attribute."""

    class Session:
        opened = 0

    def start():
        Session.opened += 1  # racy

    together(start, start)
    assert Session.opened in (1, 2)


def test_race_class_counter_in_init():
    """Each thread makes an object of its own, and both count it in the class."""

    class Session:
        opened = 0

        def __init__(self):
            type(self).opened += 1  # racy

    together(Session, Session)
    assert Session.opened in (1, 2)


def test_race_class_counter_in_a_class_method():
    """cls is one class for both."""

    class Session:
        opened = 0

        @classmethod
        def start(cls):
            cls.opened += 1  # racy

    together(Session.start, Session.start)
    assert Session.opened in (1, 2)


def test_race_written_on_the_class_and_read_through_an_instance():
    """The instance has no attribute of its own, so its reader sees the class's."""

    class Client:
        limit = 10

        def look(self):
            return self.limit  # racy

    client = Client()
    seen = [None]

    def look():
        seen[0] = client.look()

    def change():
        Client.limit = 20  # racy

    together(look, change)
    assert seen[0] in (10, 20)


def test_race_written_on_the_base_and_read_through_a_subclass():
    """The subclass inherits the attribute: there is one, and the base holds it."""

    class Base:
        limit = 10

    class Derived(Base):
        pass

    seen = [None]

    def look():
        seen[0] = Derived.limit  # racy

    def change():
        Base.limit = 20  # racy

    together(look, change)
    assert seen[0] in (10, 20)


def test_race_mutable_attribute_of_the_class():
    """All instances share the dict that stands in the class."""

    class Cart:
        totals = {"n": 0}

        def add(self):
            self.totals["n"] += 1  # racy

    first, second = Cart(), Cart()
    together(first.add, second.add)
    assert Cart.totals["n"] in (1, 2)


def test_race_registry_of_the_class():
    """Both look for the name before one of them has registered it."""

    class Plugin:
        registry = {}

        @classmethod
        def named(cls, name):
            if name not in cls.registry:  # racy
                cls.registry[name] = object()  # racy

    together(lambda: Plugin.named("a"), lambda: Plugin.named("a"))
    assert list(Plugin.registry) == ["a"]


def test_race_singleton_kept_in_the_class():
    """Both find no instance, and both make one."""

    class Config:
        instance = None

        @classmethod
        def get(cls):
            if cls.instance is None:  # racy
                cls.instance = cls()  # racy
            return cls.instance  # racy

    together(Config.get, Config.get)
    assert Config.instance is not None


def test_race_lock_of_each_instance_for_an_attribute_of_the_class():
    """Every instance has a lock of its own: two locks for one location."""

    class Account:
        count = 0

        def __init__(self):
            self.lock = threading.Lock()

        def open(self):
            with self.lock:
                Account.count += 1  # racy

    first, second = Account(), Account()
    together(first.open, second.open)
    assert Account.count in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_instances_shadow_the_class():
    """`self.n += 1` reads the class's attribute at first and writes the instance's; nobody writes the class's."""

    class Counter:
        n = 0

        def bump(self):
            self.n += 1
            self.n += 1

    first, second = Counter(), Counter()
    together(first.bump, second.bump)
    assert (first.n, second.n, Counter.n) == (2, 2, 0)


def test_no_race_constants_of_a_class():
    """Both only read, one of them through an instance."""

    class Client:
        limit = 10

    client = Client()
    seen = [None, None]

    def look():
        seen[0] = Client.limit

    def look_too():
        seen[1] = client.limit

    together(look, look_too)
    assert seen == [10, 10]


def test_no_race_class_counter_under_a_lock_of_the_class():
    """The lock stands in the class as well: one lock for one location."""

    class Account:
        lock = threading.Lock()
        count = 0

        def __init__(self):
            with self.lock:
                Account.count += 1

    together(Account, Account)
    assert Account.count == 2


def test_no_race_subclasses_count_apart():
    """`cls.n += 1` reads the base's attribute at first and writes the subclass's own."""

    class Base:
        n = 0

        @classmethod
        def bump(cls):
            cls.n += 1
            cls.n += 1

    class Left(Base):
        pass

    class Right(Base):
        pass

    together(Left.bump, Right.bump)
    assert (Left.n, Right.n, Base.n) == (2, 2, 0)


def test_no_race_set_before_the_start():
    """start() orders main's write before both reads."""

    class Client:
        limit = 10

    Client.limit = 20
    seen = [None, None]

    def look(place):
        seen[place] = Client.limit

    together(lambda: look(0), lambda: look(1))
    assert seen == [20, 20]


def test_no_race_class_attribute_in_turn():
    """Each thread is joined before the next one starts."""

    class Session:
        opened = 0

    def start():
        Session.opened += 1

    in_turn(start, start)
    assert Session.opened == 2


def test_no_race_members_of_an_enum():
    """Nobody writes them."""
    seen = [None, None]

    def look(place, color):
        seen[place] = color.value + Color.RED.name

    together(lambda: look(0, Color.RED), lambda: look(1, Color.BLUE))
    assert seen == ["redRED", "blueRED"]


def test_no_race_same_name_in_two_classes():
    """Two classes that have nothing in common hold two locations."""

    class Left:
        n = 0

    class Right:
        n = 0

    def bump(cls):
        cls.n += 1

    together(lambda: bump(Left), lambda: bump(Right))
    assert (Left.n, Right.n) == (1, 1)


def test_no_race_classes_made_by_each_thread():
    """Each thread makes a class and counts in it."""
    seen = [None, None]

    def work(place):
        class Local:
            n = 0

        for _ in range(3):
            Local.n += 1
        seen[place] = Local.n

    together(lambda: work(0), lambda: work(1))
    assert seen == [3, 3]


def test_no_race_singleton_under_a_lock():
    """Every look at the class's attribute is under the lock."""

    class Config:
        lock = threading.Lock()
        instance = None

        @classmethod
        def get(cls):
            with cls.lock:
                if cls.instance is None:
                    cls.instance = cls()
                return cls.instance

    got = [None, None]

    def use(place):
        got[place] = Config.get()

    together(lambda: use(0), lambda: use(1))
    assert got[0] is got[1]


def test_race_default_of_the_class_set_on_the_instance():
    """The first write makes an attribute of the object where a read finds that of the class."""

    class Switch:
        on = False

    switch = Switch()
    seen = [None]

    def turn():
        switch.on = True  # racy

    def look():
        seen[0] = switch.on  # racy

    together(turn, look)
    assert seen[0] in (False, True)


def test_race_default_of_the_class_augmented_on_the_instance():
    """Both read the default of the class and write to the object."""

    class Tally:
        n = 0

    tally = Tally()

    def add():
        tally.n += 1  # racy

    together(add, add)
    assert tally.n in (1, 2)
