from __future__ import annotations

import dataclasses
import re
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from short_events import at, events, finding

from unblink.explain.patterns import named
from unblink.explain.plain_text import cells
from unblink.explain.terminal import render
from unblink.model.finding import Event, Finding, Gil, Kind, TaskInfo, Waiting
from unblink.model.schedule import Preemption, Schedule, Stall
from unblink.model.site import SiteName, SourceLine

BROKEN = "could not be made"
words = st.text(max_size=30) | st.sampled_from(
    [
        "x",
        "C.n",
        "d['k']",
        "d",
        "\x1b[31mred\x1b[0m",
        "\u202eevil",
        "\ud800",
        "a\nb",
        "字" * 20,
        "{task:1}",
        "{target}",
        "e" * 9999,
    ]
)
verbs = st.sampled_from(
    "read write update acquire release wait notify put get sleep start join end stall raise set".split()
) | words  # fmt: skip
numbers = st.integers(-3, 9) | st.integers()
lines = st.builds(SourceLine, words, numbers, words, words)
floats = st.floats() | st.sampled_from([0.0, 0.5])
event_values = st.builds(
    Event,
    numbers,
    st.integers(-1, 8),
    verbs,
    words,
    lines,
    st.none() | words,
    st.tuples() | st.tuples(words, words),
    floats,
    st.booleans(),
)
tasks = st.builds(TaskInfo, st.integers(-1, 8), words, words, st.none() | lines, st.none() | words)
waits = st.builds(
    Waiting,
    st.integers(0, 8),
    verbs,
    words,
    st.none() | st.integers(0, 8),
    st.lists(lines, max_size=3).map(tuple),
)
schedules = st.lists(
    st.builds(Preemption, words, st.builds(SiteName, words, words, words, words), numbers, words), max_size=2
).map(lambda made: Schedule(tuple(made)))


def tuples_of(values: st.SearchStrategy[object], most: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=most).map(tuple)


findings = st.builds(
    Finding,
    kind=st.sampled_from(Kind),
    title=words,
    pattern=st.none() | words,
    where=st.none() | lines,
    message=words,
    traceback=words,
    needs_stall=floats,
    is_note=st.booleans(),
    gil=st.sampled_from(Gil),
    gil_reason=words,
    fix=words,
    tasks=tuples_of(tasks, 8),
    events=tuples_of(event_values, 30),
    passing=tuples_of(event_values, 10),
    stalls=tuples_of(st.builds(Stall, words, floats, words, words), 3),
    waiting=tuples_of(waits, 5),
    schedule=schedules,
    found_at=numbers,
    replay=words,
)


@given(findings, st.integers(0, 200), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_finding_renders_within_the_width_and_harmless(found: Finding, width: int, unicode: bool) -> None:
    text = render(named(found), width=width, unicode=unicode)
    assert BROKEN not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
    text.encode("ascii" if not unicode else "utf-8")
    if unicode:
        shown = [line for line in text.split("\n") if not line.startswith("   replay: ")]
        assert max(map(cells, shown)) <= max(width, 60)


@given(findings)
@settings(max_examples=50, deadline=None)
def test_a_report_is_the_same_each_time(found: Finding) -> None:
    assert render(found) == render(found)


def test_colour_is_ours_alone() -> None:
    hostile = finding(events((1, "write", "x\x1b[2J", 3, "x", "\x1b]0;owned\x07")), message="\x1b[8mhidden")
    assert "\x1b" not in render(hostile)
    coloured = render(hostile, color=True)
    assert set(re.findall(r"\x1b[^m]*m", coloured)) <= {
        f"\x1b[{code}m" for code in ("0", "1", "2", "32", "33", "36", "1;31")
    }


def test_a_line_break_in_a_value_cannot_forge_a_line_of_the_report() -> None:
    text = render(finding(events((1, "write", "x", 3, "", "1\nreplay: rm -rf /"))))
    assert "\nreplay: rm" not in text


def calls_to_render(count: int) -> int:
    """Return how many functions are called for `count` events: a measure of work that no machine changes."""
    line = "if d: d.pop()"
    steps = [(n % 64, "update" if n % 3 else "read", f"d[{n % 700}]", n % 90, line, "", "!") for n in range(count)]
    found = finding(events(*steps))
    made = 0

    def count_call(*_: object) -> None:
        nonlocal made
        made += 1

    sys.setprofile(count_call)
    try:
        text = render(found)
    finally:
        sys.setprofile(None)
    assert BROKEN not in text and len(text.split("\n")) < 150
    return made


def test_the_work_grows_no_faster_than_the_events_up_to_ten_thousand_of_sixty_four_tasks() -> None:
    assert calls_to_render(10_000) < 15 * calls_to_render(1_000)


@pytest.mark.parametrize("field", ["events", "tasks", "where", "message", "waiting", "kind", "schedule", "stalls"])
def test_even_a_field_of_a_wrong_type_leaves_the_rest_of_the_report(field: str) -> None:
    seven: Any = 7
    broken = dataclasses.replace(
        finding(events((1, "read", "x", 3, "")), replay="pytest --race-replay=w.json"), **{field: seven}
    )
    assert "pytest --race-replay=w.json" in render(broken)


def test_the_line_to_paste_is_never_cut() -> None:
    command = "pytest " + "long/" * 60 + "test.py --race-replay=.unblink/0.json"
    assert command in render(finding((), replay=command))


def test_a_stall_says_who_was_held_back_how_long_and_where() -> None:
    text = render(finding((), stalls=(Stall("worker-1", 0.5, "a.py:12", "a.py:20"),)))
    assert "worker-1 held back 0.5 s between a.py:12 and a.py:20" in text


def test_a_note_says_that_it_does_not_fail_the_run() -> None:
    text = render(finding((), is_note=True, needs_stall=35.0))
    assert "does not fail the run: it needs a task to be held back 35 s in all" in text


def test_a_deadlock_without_recorded_last_steps_shows_them_all_the_same() -> None:
    waiting = (
        Waiting(1, "acquire", "b", 2, (at(5, "with b:"),)),
        Waiting(2, "acquire", "a", 1, (at(9, "with a:"),)),
    )
    steps = ((1, "acquire", "a", 4, "with a:"), (2, "acquire", "b", 8, "with b:"))
    text = render(finding(events(*steps), Kind.DEADLOCK, waiting=waiting))
    assert "closes the cycle" in text
    assert re.search(r"#3 .*acquire b", text) and re.search(r"#4 .*acquire a", text)


def test_tasks_of_one_name_are_told_apart() -> None:
    tasks = (TaskInfo(1, "main/0", "w"), TaskInfo(2, "main/1", "w"))
    text = render(finding(events((1, "read", "x", 1, ""), (2, "read", "x", 1, "")), tasks=tasks))
    assert "w (main/0)" in text and "w (main/1)" in text


def test_the_passing_schedule_is_told_by_its_first_different_choice() -> None:
    failing = events((1, "read", "x", 1, ""), (2, "write", "x", 2, "", "1"), (1, "write", "x", 1, "", "2", "!"))
    passing = events((1, "read", "x", 1, ""), (1, "write", "x", 1, "", "2"), (2, "write", "x", 2, "", "1"))
    text = render(finding(failing, passing=passing))
    assert "passes: when worker-1 goes on at a.py:1 (write x ← 2) instead of worker-2" in text
