"""SQLite as shared state: who finds the database locked waits as a task, with the connection's timeout in virtual time."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from databases import LONG, make, numbers, reset
from exploring import answers
from workers import together


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "db")


def value(path):
    (number,) = numbers(path)
    return number


def both(path, work):
    def body():
        reset(path)
        together(lambda: work(path), lambda: work(path))
        return value(path)

    return answers(body)


def test_a_value_is_read_and_written_in_between(path):
    def work(path):
        with closing(sqlite3.connect(path)) as connection:
            (n,) = connection.execute("select n from t").fetchone()
            connection.execute("update t set n = ?", (n + 1,))
            connection.commit()

    assert both(path, work) >= {1, 2}


@pytest.mark.parametrize("within", [False, True])
def test_an_immediate_transaction_keeps_others_out(path, within):
    lock = threading.Lock()

    def work(path):
        with closing(sqlite3.connect(path, timeout=LONG, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            if within:
                with lock:  # others run meanwhile, and find the database locked
                    pass
            (n,) = connection.cursor().execute("select n from t").fetchone()
            connection.execute("update t set n = ?", (n + 1,))
            connection.execute("commit")

    assert both(path, work) == {2}


def test_one_statement_is_indivisible(path):
    def work(path):
        with closing(sqlite3.connect(path, timeout=LONG)) as connection, connection:
            connection.execute("update t set n = n + 1")

    assert both(path, work) == {2}


def test_who_waits_for_a_lock_gives_up_after_its_own_timeout(path):
    def body():
        seen = []
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
            holder.execute("begin immediate")

            def work():
                with closing(sqlite3.connect(path, timeout=0.5)) as connection:
                    began = time.monotonic()
                    try:
                        connection.execute("update t set n = 5")
                    except sqlite3.OperationalError as error:
                        seen.append((str(error), time.monotonic() - began >= 0.5))

            together(work)
        return seen[0]

    assert answers(body) == {("database is locked", True)}


def test_two_that_read_and_then_want_to_write_are_refused_as_sqlite_does(path):
    def body():
        reset(path)
        refused = []

        def work():
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("begin")
                (n,) = connection.execute("select n from t").fetchone()
                try:
                    connection.execute("update t set n = ?", (n + 1,))
                    connection.execute("commit")
                except sqlite3.OperationalError as error:
                    refused.append(str(error))

        together(work, work)
        return len(refused), value(path)

    assert {(0, 2), (1, 1)} <= answers(body)


def test_the_program_finds_its_own_settings(path):
    def body():
        with closing(sqlite3.connect(path, timeout=7)) as connection:
            connection.execute("create table if not exists v(n)")
            rows = connection.executemany("insert into v values(?)", [(1,), (2,)]).fetchall()
            connection.executescript("create table if not exists u(n); delete from u;")
            with connection:
                connection.execute("insert into u values(1)")
            return tuple(rows), connection.execute("select count(*) from u").fetchone()[0], connection.in_transaction

    assert answers(body) == {((), 1, False)}
