from __future__ import annotations

from short_events import events, finding

from unblink.explain.relevance import Elided, Shown, layout, preempted_steps, select
from unblink.explain.terminal import render


def long_execution(noise: int) -> tuple[tuple[object, ...], ...]:
    quiet = tuple((1, "read", f"config[{n}]", 50, "cfg[k]") for n in range(noise))
    conflict = (
        (1, "read", "C.n", 3, "self.n += 1", "0"),
        (2, "read", "C.n", 3, "self.n += 1", "0"),
        (2, "write", "C.n", 3, "self.n += 1", "1"),
        (1, "write", "C.n", 3, "self.n += 1", "1", "!"),
    )
    return (*quiet, *conflict, *quiet)


def test_a_short_execution_is_shown_whole() -> None:
    made = events(*long_execution(2))
    assert select(made) == tuple(range(len(made)))


def test_of_a_long_execution_the_conflict_is_shown_and_the_rest_counted() -> None:
    made = events(*long_execution(1000))
    chosen = select(made, evidence={1000, 1002, 1003}, targets={"C.n"})
    assert {1000, 1001, 1002, 1003} <= set(chosen)
    rows = layout(made, chosen, {1, 2})
    assert len(chosen) + sum(row.total for row in rows if isinstance(row, Elided)) == len(made)


def test_never_more_rows_than_asked_for() -> None:
    made = events(*[(n % 3, "write", "x", 1, "", str(n), "!") for n in range(10_000)])
    assert len(select(made, targets={"x"}, rows=25)) <= 25


def test_a_switch_lies_before_what_followed_the_preempted_tasks_last_step() -> None:
    made = events(*long_execution(0))
    assert preempted_steps(made) == ((3, 1),)


def test_starts_of_one_place_share_a_row() -> None:
    made = events(*[(0, "start", f"worker-{n}", 3, "t.start()") for n in range(5)], (0, "read", "x", 4, ""))
    rows = layout(made, range(6), {0})
    assert [len(row.events) for row in rows if isinstance(row, Shown)] == [5, 1]


def test_a_gap_of_one_is_shown_instead_of_counted() -> None:
    made = events(*[(0, "read", f"x{n}", n, "") for n in range(3)])
    assert not any(isinstance(row, Elided) for row in layout(made, (0, 2), {0}))


def test_the_report_counts_what_it_leaves_out() -> None:
    text = render(finding(events(*long_execution(1000))))
    assert "… 999 operations of worker-1 not shown" in text
