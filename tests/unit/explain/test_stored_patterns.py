"""The patterns of what is kept in no variable: files, streams and tables."""

from __future__ import annotations

from short_events import at, events, finding

from unblink.explain import diagnosis as names
from unblink.explain.patterns import diagnose, named


def pattern_of(*steps: tuple[object, ...]) -> str | None:
    found = diagnose(finding(events(*steps)))
    return found.pattern if found else None


def test_a_file_that_is_read_half_written_is_a_torn_read_and_is_to_be_replaced() -> None:
    steps = (
        (1, "update", "file votes.json", 15, "path.write_text(text)"),
        (2, "read", "file votes.json", at(18, "path.read_text()", "load"), ""),
        (1, "update", "file votes.json", 15, "path.write_text(text)", None, "!"),
    )
    found = named(finding(events(*steps)))
    assert (found.pattern, found.title) == (names.TORN_READ, "torn read of file votes.json")
    assert "os.replace" in found.fix
    again = (*steps[:2], (1, "update", "file votes.json", 16, "path.write_text(more)", None, "!"))
    assert pattern_of(*again) is None  # whole at each of the two writes


def test_what_is_stored_is_lost_by_one_function_that_reads_and_another_that_writes() -> None:
    for target, fix in (("file votes.json", "flock"), ("table votes", "BEGIN IMMEDIATE")):
        steps = (
            (1, "read", target, at(5, "votes = load()", "load"), ""),
            (2, "read", target, at(5, "votes = load()", "load"), ""),
            (2, "update", target, at(9, "save(votes)", "save"), ""),
            (1, "update", target, at(9, "save(votes)", "save"), "", None, "!"),
        )
        found = named(finding(events(*steps)))
        assert found.pattern == names.LOST_UPDATE
        assert fix in found.fix
        assert found.where == at(9, "save(votes)", "save")
    moved = tuple((task, verb, f"table t{number}", *rest) for number, (task, verb, _, *rest) in enumerate(steps))
    assert pattern_of(*moved) is None  # of four tables


def test_what_others_write_between_two_writes_is_interleaved_in_files_and_streams_alone() -> None:
    def three(target: str, verb: str = "write") -> tuple[tuple[object, ...], ...]:
        return (
            (1, verb, target, 7, "out.write(name)"),
            (2, verb, target, 7, "out.write(name)"),
            (1, verb, target, 8, "out.write(end)", None, "!"),
        )

    assert pattern_of(*three("stream out")) == names.INTERLEAVED
    assert pattern_of(*three("file app.log", "update")) == names.INTERLEAVED
    assert pattern_of(*three("stream f", "update")) == names.OVERWRITTEN  # its position: seek, and then read
    assert pattern_of(*three("words")) is None
    assert pattern_of(*three("table words", "update")) is None


def test_a_file_that_is_made_twice_is_a_check_then_act() -> None:
    steps = (
        (1, "read", "file job.claimed", 15, "if os.path.exists(mark):"),
        (2, "update", "file job.claimed", 17, "with open(mark, 'w') as file:"),
        (1, "update", "file job.claimed", 17, "with open(mark, 'w') as file:", None, "!"),
    )
    found = named(finding(events(*steps)))
    assert found.pattern == names.CHECK_THEN_ACT
    assert "FileExistsError" in found.fix


def test_a_read_between_a_statement_and_its_commit_saw_the_whole_of_what_was_there() -> None:
    steps = (
        (1, "read", "table account", 63, "result = function()"),
        (1, "update", "table account", 63, "result = function()"),
        (2, "read", "table account", 63, "result = function()"),
        (1, "commit", "table account", 63, "result = function()", None, "!"),
        (2, "update", "table account", 63, "result = function()", None, "!"),
    )
    found = diagnose(finding(events(*steps)))
    assert found is not None
    assert (found.pattern, found.title) == (names.LOST_UPDATE, "lost update of table account")
