"""A connection belongs to the thread that made it, unless it says otherwise."""

import re
import sqlite3
import threading
from contextlib import closing

import pytest
from databases import make
from exploring import findings
from workers import started, together


def nothing(*_):
    return None


USES = {
    "execute": lambda c, cursor: c.execute("select 1"),
    "executemany": lambda c, cursor: c.executemany("insert into t values(?)", [(1,)]),
    "executescript": lambda c, cursor: c.executescript("select 1"),
    "commit": lambda c, cursor: c.commit(),
    "rollback": lambda c, cursor: c.rollback(),
    "cursor": lambda c, cursor: c.cursor(),
    "close": lambda c, cursor: c.close(),
    "enter": lambda c, cursor: c.__enter__(),
    "exit": lambda c, cursor: c.__exit__(None, None, None),
    "exit failing": lambda c, cursor: c.__exit__(ValueError, ValueError(), None),
    "interrupt": lambda c, cursor: c.interrupt(),
    "backup": lambda c, cursor: c.backup(c),
    "serialize": lambda c, cursor: c.serialize(),
    "deserialize": lambda c, cursor: c.deserialize(b""),
    "blobopen": lambda c, cursor: c.blobopen("t", "n", 1),
    "getlimit": lambda c, cursor: c.getlimit(0),
    "setlimit": lambda c, cursor: c.setlimit(0, 1000),
    "getconfig": lambda c, cursor: c.getconfig(1002),
    "setconfig": lambda c, cursor: c.setconfig(1002, True),
    "create_function": lambda c, cursor: c.create_function("f", 1, nothing),
    "create_aggregate": lambda c, cursor: c.create_aggregate("f", 1, nothing),
    "create_collation": lambda c, cursor: c.create_collation("f", nothing),
    "set_authorizer": lambda c, cursor: c.set_authorizer(None),
    "set_progress_handler": lambda c, cursor: c.set_progress_handler(None, 1),
    "set_trace_callback": lambda c, cursor: c.set_trace_callback(None),
    "iterdump": lambda c, cursor: list(c.iterdump()),
    "in_transaction": lambda c, cursor: c.in_transaction,
    "total_changes": lambda c, cursor: c.total_changes,
    "isolation_level": lambda c, cursor: c.isolation_level,
    "cursor.execute": lambda c, cursor: cursor.execute("select 1"),
    "cursor.executemany": lambda c, cursor: cursor.executemany("insert into t values(?)", [(1,)]),
    "cursor.executescript": lambda c, cursor: cursor.executescript("select 1"),
    "cursor.fetchone": lambda c, cursor: cursor.fetchone(),
    "cursor.fetchmany": lambda c, cursor: cursor.fetchmany(2),
    "cursor.fetchall": lambda c, cursor: cursor.fetchall(),
    "cursor.next": lambda c, cursor: next(cursor),
    "cursor.loop": lambda c, cursor: list(cursor),
    "cursor.close": lambda c, cursor: cursor.close(),
    "cursor.rowcount": lambda c, cursor: cursor.rowcount,
}


def told(use):
    """Return what a use from the wrong thread says, and whether the numbers in it are those of the two threads."""
    said = []

    def work(connection, cursor, owner):
        try:
            use(connection, cursor)
        except Exception as error:
            numbers = [int(number) for number in re.findall(r"thread id (\d+)", str(error))]
            said.append(
                (type(error), re.sub(r"\d{3,}", "N", str(error)), numbers in ([], [owner, threading.get_ident()]))
            )

    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t(n)")
        connection.execute("insert into t values('0')")
        connection.commit()
        cursor = connection.execute("select n from t union all select 2 union all select 3")
        together(lambda: work(connection, cursor, threading.main_thread().ident))
    return said


@pytest.mark.parametrize("name", USES)
def test_another_thread_is_refused_where_it_is_in_life(alike, name):
    alike(lambda: told(USES[name]))


def test_a_connection_of_one_worker_is_refused_to_another_and_to_main(alike):
    def body():
        made, said = [], []
        ready, used = threading.Event(), threading.Event()

        def owner():
            with closing(sqlite3.connect(":memory:")) as connection:
                made.extend([connection, threading.get_ident()])
                ready.set()
                used.wait()
                said.append(connection.execute("select 1").fetchone())

        def use():
            ready.wait()
            try:
                made[0].execute("select 1")
            except sqlite3.ProgrammingError as error:
                said.append(f"{made[1]} and this is thread id {threading.get_ident()}." in str(error))

        thread = started(owner)
        together(use)
        use()
        used.set()
        thread.join()
        return said

    alike(body)


def test_who_asks_for_it_may_use_it_in_any_thread(alike, tmp_path):
    path = make(tmp_path / "db")

    def body():
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            for number in (1, 2):  # one after the other: at once, both may begin a transaction
                together(lambda number=number: connection.execute("update t set n = ?", (number,)))
            connection.commit()
            return connection.execute("select n from t").fetchone()

    alike(body)


def test_a_connection_that_is_made_in_main_and_used_in_a_thread_is_found(tmp_path):
    path = make(tmp_path / "db")

    def body():
        with closing(sqlite3.connect(path)) as connection:
            together(lambda: connection.execute("select n from t"), nothing)

    (found,) = findings(body)
    assert found[0] == "lost-exception"
    assert "SQLite objects created in a thread can only be used in that same thread" in found[2]
