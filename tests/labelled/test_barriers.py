"""threading.Barrier: what each party does before it happens before what any party does after it."""

import threading

from .running import together


class Box:
    def __init__(self, n=0):
        self.n = n


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_written_and_read_before_the_barrier():
    """Both accesses come before the barrier, which orders neither before the other."""
    barrier = threading.Barrier(2)
    box = Box()
    seen = [None]

    def write():
        box.n = 1  # racy
        barrier.wait()

    def read():
        seen[0] = box.n  # racy
        barrier.wait()

    together(write, read)
    assert seen[0] in (0, 1)


def test_race_written_and_read_after_the_barrier():
    """Both accesses come after the barrier."""
    barrier = threading.Barrier(2)
    box = Box()
    seen = [None]

    def write():
        barrier.wait()
        box.n = 1  # racy

    def read():
        barrier.wait()
        seen[0] = box.n  # racy

    together(write, read)
    assert seen[0] in (0, 1)


def test_race_all_update_after_the_barrier():
    """The barrier brings both to the same place, and orders nothing from there on."""
    barrier = threading.Barrier(2)
    box = Box()

    def bump():
        barrier.wait()
        box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_thread_that_is_no_party():
    """The barrier's two parties are ordered with each other, not with the third thread."""
    barrier = threading.Barrier(2)
    box = Box()
    seen = [None]

    def write():
        box.n = 1  # racy
        barrier.wait()

    def look():
        seen[0] = box.n  # racy

    together(write, barrier.wait, look)
    assert seen[0] in (0, 1)


def test_race_barrier_for_one():
    """A barrier with one party lets everybody through at once."""
    barrier = threading.Barrier(1)
    box = Box()

    def write():
        box.n = 1  # racy
        barrier.wait()

    def write_too():
        barrier.wait()
        box.n = 2  # racy

    together(write_too, write)
    assert box.n in (1, 2)


def test_race_second_phase_overwrites_what_others_still_read():
    """Between reading the neighbour's value and writing one's own again there is no second barrier."""
    barrier = threading.Barrier(2)
    values = [1, 2]
    seen = [None, None]

    def work(place):
        values[place] *= 10
        barrier.wait()
        seen[place] = values[1 - place]  # racy
        values[place] += 1  # racy

    together(lambda: work(0), lambda: work(1))
    assert seen[0] in (20, 21)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_written_before_and_read_after():
    """The write happens before the barrier, the read after it."""
    barrier = threading.Barrier(2)
    box = Box()
    seen = [None]

    def write():
        box.n = 1
        barrier.wait()

    def read():
        barrier.wait()
        seen[0] = box.n

    together(write, read)
    assert seen == [1]


def test_no_race_read_before_and_written_after():
    """The barrier orders in both directions."""
    barrier = threading.Barrier(2)
    box = Box()
    seen = [None]

    def read():
        seen[0] = box.n
        barrier.wait()

    def write():
        barrier.wait()
        box.n = 1

    together(write, read)
    assert seen == [0]


def test_no_race_each_reads_what_the_other_wrote():
    """Each writes a place of its own before the barrier and reads the other's after it."""
    barrier = threading.Barrier(2)
    values = [None, None]
    seen = [None, None]

    def work(place):
        values[place] = place
        barrier.wait()
        seen[place] = values[1 - place]

    together(lambda: work(0), lambda: work(1))
    assert seen == [1, 0]


def test_no_race_two_barriers_between_phases():
    """A second barrier stands between the reads of one phase and the writes of the next."""
    barrier = threading.Barrier(2)
    values = [1, 2]

    def work(place):
        for _ in range(2):
            other = values[1 - place]
            barrier.wait()
            values[place] += other
            barrier.wait()

    together(lambda: work(0), lambda: work(1))
    assert values == [6, 6]


def test_no_race_action_adds_up():
    """The action runs when all have come and before anybody goes on."""
    parts = [None, None]
    total = Box()
    seen = [None, None]

    def add_up():
        total.n = sum(parts)

    barrier = threading.Barrier(2, action=add_up)

    def work(place):
        parts[place] = place + 1
        barrier.wait()
        seen[place] = total.n

    together(lambda: work(0), lambda: work(1))
    assert seen == [3, 3]


def test_no_race_one_is_chosen():
    """wait() gives each party another number; only who gets 0 writes, and all read after the second barrier."""
    barrier = threading.Barrier(2)
    box = Box()
    seen = [None, None]

    def work(place):
        if barrier.wait() == 0:
            box.n += 1
        barrier.wait()
        seen[place] = box.n

    together(lambda: work(0), lambda: work(1))
    assert seen == [1, 1]


def test_no_race_three_parties():
    """All three writes happen before the barrier, all reads after it."""
    barrier = threading.Barrier(3)
    parts = [0, 0, 0]
    seen = [None, None, None]

    def work(place):
        parts[place] = place
        barrier.wait()
        seen[place] = sum(parts)

    together(lambda: work(0), lambda: work(1), lambda: work(2))
    assert seen == [3, 3, 3]


def test_no_race_main_is_a_party():
    """Main comes to the barrier as well, and reads before it joins."""
    barrier = threading.Barrier(2)
    box = Box()

    def work():
        box.n = 1
        barrier.wait()

    thread = threading.Thread(target=work)
    thread.start()
    barrier.wait()
    assert box.n == 1
    thread.join()
