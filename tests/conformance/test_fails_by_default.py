"""What fails in the first execution already is shown beside a schedule that passes, where there is one."""

import threading

from exploring import explored


class Letter:
    def __init__(self):
        self.text = None
        self.is_written = False


def write(letter):
    letter.text = "hello"
    letter.is_written = True


def reads_too_early():
    letter = Letter()
    writer = threading.Thread(target=write, args=(letter,), name="writer")
    writer.start()
    try:
        assert letter.is_written
    finally:
        writer.join()


def is_wrong_always():
    letter = Letter()
    writer = threading.Thread(target=write, args=(letter,), name="writer")
    writer.start()
    writer.join()
    assert letter.text == "goodbye"


def test_a_passing_schedule_is_searched_for():
    failure = explored(reads_too_early).failure
    assert failure.found_at == 1
    assert failure.pattern == "order violation"
    assert [event.operation for event in failure.passing if event.target.endswith("is_written")] == ["write", "read"]


def test_where_none_passes_none_is_shown():
    failure = explored(is_wrong_always).failure
    assert (failure.found_at, failure.pattern, failure.passing) == (1, None, ())
