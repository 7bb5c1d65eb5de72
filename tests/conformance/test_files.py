"""Files as shared state: every order of what tasks do to names and contents is reached, and flock waits as a lock does."""

import fcntl
import os
import socket
import sqlite3
import threading
import time
from types import SimpleNamespace

import pytest
from exploring import answers, explored, findings
from workers import together


def add_one(path):
    path.write_text(str(int(path.read_text() or 0) + 1))


def test_a_number_in_a_file_is_read_and_written_in_between(tmp_path):
    path = tmp_path / "n"

    def body():
        path.write_text("0")
        together(lambda: add_one(path), lambda: add_one(path))
        return path.read_text()

    assert answers(body) == {"1", "2"}


@pytest.mark.parametrize(
    "check",
    [os.path.exists, os.path.isfile, lambda p: os.access(p, os.F_OK), lambda p: "n" in os.listdir(os.path.dirname(p))],
)
def test_a_name_is_made_between_a_look_and_the_making(tmp_path, check):
    path = str(tmp_path / "n")

    def body():
        made = []

        def make():
            if not check(path):
                with open(path, "w"):
                    made.append(1)

        together(make, make)
        os.remove(path)
        return len(made)

    assert answers(body) == {1, 2}


def test_only_one_makes_a_name_exclusively(tmp_path):
    path = str(tmp_path / "n")

    def body():
        made = []

        def make():
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            made.append(1)

        together(make, make)
        os.remove(path)
        return len(made)

    assert answers(body) == {1}


def test_a_reader_sees_a_file_that_is_being_written(tmp_path):
    path = tmp_path / "n"

    def body():
        path.write_text("old")
        seen = []
        together(lambda: path.write_text("new"), lambda: seen.append(path.read_text()))
        return seen[0]

    assert answers(body) == {"old", "new", ""}


def test_a_file_that_is_replaced_is_seen_whole(tmp_path):
    path, other = tmp_path / "n", tmp_path / "m"

    def write():
        other.write_text("new")
        os.replace(other, path)

    def body():
        path.write_text("old")
        seen = []
        together(write, lambda: seen.append(path.read_text()))
        return seen[0]

    assert answers(body) == {"old", "new"}


def test_a_directory_is_made_between_a_look_and_the_making(tmp_path):
    path = tmp_path / "d"

    def body():
        refused = []

        def make():
            if not path.is_dir():
                try:
                    path.mkdir()
                except FileExistsError:
                    refused.append(1)

        together(make, make)
        path.rmdir()
        return len(refused)

    assert answers(body) == {0, 1}


@pytest.mark.parametrize("inside", [True, False])
def test_flock_keeps_others_out_for_as_long_as_it_is_held(tmp_path, inside):
    path, lock = tmp_path / "n", tmp_path / "lock"

    def work():
        with open(lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if inside:
                add_one(path)
        if not inside:
            add_one(path)

    def body():
        path.write_text("0")
        together(work, work)
        return path.read_text()

    if inside:
        assert answers(body) == {"2"}
    else:
        assert answers(body) == {"1", "2"}


def test_flock_that_does_not_wait_is_refused_while_another_has_it(tmp_path):
    lock = tmp_path / "lock"

    def body():
        refused = []

        def work():
            with open(lock, "w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    refused.append(1)
                else:
                    os.path.exists(lock)
                    fcntl.flock(file, fcntl.LOCK_UN)

        together(work, work)
        return len(refused)

    assert answers(body) == {0, 1}


def test_two_flocks_in_opposite_orders_are_a_deadlock(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"

    def take(first, second):
        with open(first, "w") as a, open(second, "w") as b:
            fcntl.flock(a, fcntl.LOCK_EX)
            fcntl.flock(b, fcntl.LOCK_EX)

    def body():
        together(lambda: take(one, two), lambda: take(two, one))

    assert [kind for kind, _, _ in findings(body)] == ["deadlock"]


def test_reading_a_pipe_waits_for_what_another_task_writes():
    def body():
        reads, writes = os.pipe()
        seen = []

        def write():
            os.write(writes, b"a")
            os.write(writes, b"b")
            os.close(writes)

        def read():
            with os.fdopen(reads, "rb") as file:
                seen.append(file.read())

        together(read, write)
        return seen[0]

    assert answers(body) == {b"ab"}


def test_the_report_names_the_file(tmp_path):
    path = tmp_path / "total.txt"

    def body():
        path.write_text("0")
        together(lambda: add_one(path), lambda: add_one(path))
        assert path.read_text() == "2"

    ((_, pattern, title),) = findings(body)
    assert (pattern, title) == ("lost update", "lost update of file total.txt")


def test_writing_more_than_a_pipe_holds_waits_for_its_reader():
    size = 300_000

    def body():
        seen = []
        for write in (os.write, lambda fd, data: os.fdopen(fd, "wb", closefd=False).write(data)):
            reads, writes = os.pipe()

            def send(write=write, writes=writes):
                write(writes, b"x" * size)
                os.close(writes)

            def receive(reads=reads):
                with os.fdopen(reads, "rb") as file:
                    seen.append(len(file.read()))

            together(send, receive)
        return tuple(seen)

    assert answers(body) == {(size, size)}


def keeps_out(enter, leave):
    """Two tasks that change a variable between `enter` and `leave`, and nothing but these keeps them apart."""

    def body():
        box = SimpleNamespace(value=0)

        def work():
            enter()
            box.value += 1
            leave()

        together(work, work)
        assert box.value == 2

    return body


def test_a_file_that_only_one_can_make_orders_what_is_done_while_it_is_there(tmp_path):
    mark = tmp_path / "mark"

    def enter():
        while True:
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
                return
            except FileExistsError:
                time.sleep(0.01)

    result = explored(keeps_out(enter, lambda: os.remove(mark)), budget="100x,20s")
    assert result.findings == ()


def test_an_exclusive_transaction_orders_what_is_done_in_it(tmp_path):
    connections = threading.local()

    def enter():
        connections.own = sqlite3.connect(tmp_path / "d.db", isolation_level=None, timeout=60)
        connections.own.execute("BEGIN EXCLUSIVE")

    def leave():
        connections.own.execute("COMMIT")
        connections.own.close()

    sqlite3.connect(tmp_path / "d.db").close()
    result = explored(keeps_out(enter, leave), budget="100x,20s")
    assert [finding.kind for finding in result.findings if "race" in finding.kind] == []


def test_the_end_of_a_connection_orders_what_was_done_before(tmp_path):
    def body():
        ours, theirs = socket.socketpair()
        box = SimpleNamespace(value=0)

        def produce():
            box.value = 42
            theirs.close()

        producer = threading.Thread(target=produce)
        producer.start()
        assert ours.recv(1) == b""
        box.value += 1
        producer.join()
        ours.close()
        assert box.value == 43

    result = explored(body, budget="100x,20s")
    assert result.findings == ()
