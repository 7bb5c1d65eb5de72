"""The cyclic collector under control: what was there before an exploration is set aside, and no program can tell."""

import gc
import threading
import weakref

import pytest
from exploring import explore, explored

from unblink.exploration.isolation import in_child


class Knot:
    def __init__(self):
        self.itself = self


def together(work):
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def failure_of(body):
    result = explored(body, budget="10x,10s")
    assert result.executions > 1
    return result.failure


def test_a_program_s_own_collection_finds_what_was_there_before():
    kept = [Knot()]
    gone = weakref.ref(kept[0])

    def body():
        together(lambda: None)
        kept.clear()
        gc.collect()
        assert gone() is None

    assert failure_of(body) is None


def test_a_program_sees_the_objects_that_were_there_before():
    knot = Knot()

    def body():
        together(lambda: None)
        assert any(thing is knot for thing in gc.get_objects())

    assert failure_of(body) is None


def test_a_program_sees_who_refers_to_an_object():
    holder = [Knot()]

    def body():
        together(lambda: None)
        assert any(thing is holder for thing in gc.get_referrers(holder[0]))

    assert failure_of(body) is None


def test_nothing_is_frozen_for_a_program():
    before = gc.get_freeze_count()

    def body():
        together(lambda: None)
        assert gc.get_freeze_count() <= before

    assert failure_of(body) is None


def after_an_exploration(look, body=lambda: together(lambda: None)):
    def work():
        explore(body, budget="50x,10s")
        return look()

    return in_child(work)


def test_nothing_stays_frozen_after_an_exploration():
    before = gc.get_freeze_count()
    assert after_an_exploration(gc.get_freeze_count) <= before


def test_what_a_program_has_frozen_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()  # 3.12 keeps what is immortal there, too
        assert after_an_exploration(gc.get_freeze_count) == pytest.approx(frozen, rel=0.01)
    finally:
        gc.unfreeze()


def test_what_executions_left_in_cycles_is_gone_after_an_exploration():
    left = []

    def body():
        together(lambda: None)
        left.append(weakref.ref(Knot()))

    assert set(after_an_exploration(lambda: [knot() for knot in left], body)) == {None}
