"""How the nearest passing schedule differs: in what the program does, or else in what its packages do."""

from __future__ import annotations

from dataclasses import replace

from short_events import events, finding

from unblink.explain.neighbour import beside
from unblink.model.finding import SourceLine

LABELS = {1: "left", 2: "right"}
LOCKS = (
    replace(events((1, "acquire", "pool", 3, "pool.get()"))[0], inside=True),
    replace(events((2, "acquire", "pool", 3, "pool.get()"))[0], inside=True),
)
MINE, OTHERS = events((1, "read", "n", 4, "n += 1"), (2, "read", "n", 4, "n += 1"))


def told(failing, passing):
    return "\n".join(line.text for line in beside(finding(failing, passing=passing), LABELS, 100))


def test_what_a_package_does_with_its_own_locks_is_passed_over():
    report = told((*LOCKS, MINE, OTHERS), (LOCKS[1], LOCKS[0], OTHERS, MINE))
    assert "when right goes on at a.py:4 (read n)" in report
    assert "pool" not in report


def test_what_a_package_does_is_told_where_nothing_else_differs():
    assert "when right goes on at a.py:3 (acquire pool)" in told((*LOCKS, MINE), (LOCKS[1], LOCKS[0], MINE))


def test_equal_schedules_have_no_difference():
    assert not told((*LOCKS, MINE), (*LOCKS, MINE))


def test_who_is_not_held_back_is_told_of_as_such():
    stall = replace(events((1, "stall", "clock", 3, "n += 1"))[0], value="0.2 s")
    end = replace(OTHERS, operation="end", target="", at=SourceLine("", 0, "", ""))
    assert "when left is not held back for 0.2 s, after #" in told((stall, OTHERS), (MINE, OTHERS))
    assert "when left is held back for 0.2 s, after #" in told((MINE, OTHERS), (stall, OTHERS))
    assert "when right goes on (end) instead of left" in told((MINE,), (end,))
