"""Streams that several tasks share: their buffer and position are state that others may come to in between."""

import pytest
from processes import race_in

HEAD = """
import io
import threading

def both(one, two):
    tasks = [threading.Thread(target=one), threading.Thread(target=two)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
"""
BUFFERED = """
def test_it(tmp_path):
    with open(tmp_path / "app.log", "w") as log:
        def say():
            log.write("begin ")
            log.write("end\\n")
        both(say, say)
    assert (tmp_path / "app.log").read_text() == "begin end\\n" * 2
"""
IN_MEMORY = """
def test_it():
    out = io.StringIO()
    def say():
        print_to(out, "begin ")
        print_to(out, "end\\n")
    both(say, say)
    assert out.getvalue() == "begin end\\n" * 2

def print_to(stream, text):
    stream.write(text)
"""
APPENDED = """
def test_it(tmp_path):
    path = tmp_path / "app.log"
    def say():
        with open(path, "a") as log:
            log.write("begin ")
            log.flush()
            log.write("end\\n")
    both(say, say)
    assert path.read_text() == "begin end\\n" * 2
"""
POSITION = """
def test_it(tmp_path):
    (tmp_path / "data").write_bytes(b"aabb")
    got = []
    with open(tmp_path / "data", "rb") as data:
        def first():
            data.seek(0)
            got.append(data.read(2))
        def second():
            data.seek(2)
            got.append(data.read(2))
        both(first, second)
    assert sorted(got) == [b"aa", b"bb"]
"""
LOCKED = """
def test_it():
    out, lock = io.StringIO(), threading.Lock()
    def say():
        with lock:
            out.write("begin ")
            out.write("end\\n")
    both(say, say)
    assert out.getvalue() == "begin end\\n" * 2
"""
ONE_WRITE = """
def test_it(tmp_path):
    with open(tmp_path / "app.log", "w") as log:
        both(lambda: log.write("begin end\\n"), lambda: log.write("begin end\\n"))
    assert (tmp_path / "app.log").read_text() == "begin end\\n" * 2
"""


@pytest.mark.parametrize(
    ("program", "pattern"),
    [
        (BUFFERED, "interleaved writes"),
        (IN_MEMORY, "interleaved writes"),
        (APPENDED, "interleaved writes"),
        (POSITION, "overwritten before use"),
    ],
    ids=["buffered", "in-memory", "appended", "position"],
)
def test_what_comes_in_between_is_found_and_named(tmp_path, program, pattern):
    (tmp_path / "test_stream.py").write_text(HEAD + program)
    _, (told,) = race_in(tmp_path)
    assert [one["pattern"] for one in told["findings"]] == [pattern]


@pytest.mark.parametrize("program", [LOCKED, ONE_WRITE], ids=["locked", "one-write"])
def test_whole_writes_are_proved(tmp_path, program):
    (tmp_path / "test_stream.py").write_text(HEAD + program)
    _, (told,) = race_in(tmp_path)
    assert (told["verdict"], told["findings"]) == ("complete", [])
