"""Whatever of `sqlite3` finds the database locked waits as a task, in the midst of what it does: nothing is done twice."""

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


def beside_a_transaction(path, work):
    """Return what becomes of the numbers when `work(path, lock)` runs beside a transaction that keeps the database for a while."""

    def body():
        reset(path)
        lock = threading.Lock()

        def transaction():
            with closing(sqlite3.connect(path, timeout=LONG, isolation_level=None)) as connection:
                connection.execute("begin exclusive")
                with lock:
                    pass
                connection.execute("insert into t values(9)")
                with lock:
                    pass
                connection.execute("commit")

        together(transaction, lambda: work(path, lock))
        return numbers(path)

    return answers(body)


def test_many_rows_that_commit_one_by_one_are_each_written_once(path):
    def rows(lock):
        for n in (1, 2, 3):
            with lock:
                pass
            yield (n,)

    def work(path, lock):
        with closing(sqlite3.connect(path, timeout=LONG, isolation_level=None)) as connection:
            connection.executemany("insert into t values(?)", rows(lock))

    assert beside_a_transaction(path, work) == {(0, 1, 2, 3, 9)}


def test_the_statements_of_a_script_run_once_each(path):
    def work(path, lock):
        with closing(sqlite3.connect(path, timeout=LONG)) as connection:
            connection.executescript("insert into t values(1); insert into t values(2); insert into t values(3);")

    assert beside_a_transaction(path, work) == {(0, 1, 2, 3, 9)}


@pytest.mark.parametrize("fetch", ["one", "many", "all", "next", "loop"])
def test_a_row_that_is_fetched_late_commits_when_others_have_read(path, fetch):
    def rows_of(cursor):
        if fetch == "one":
            return [cursor.fetchone()]
        if fetch == "next":
            return [next(cursor)]
        return cursor.fetchmany(5) if fetch == "many" else cursor.fetchall() if fetch == "all" else list(cursor)

    def body():
        reset(path)
        lock, seen = threading.Lock(), []

        def reader():
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("begin")
                connection.execute("select n from t").fetchall()
                with lock:  # the writer cannot commit meanwhile
                    pass
                connection.execute("commit")

        def writer():
            with closing(sqlite3.connect(path, timeout=LONG, isolation_level=None)) as connection:
                seen.extend(rows_of(connection.execute("insert into t values(5) returning n")))

        together(reader, writer)
        return tuple(seen), numbers(path)

    assert answers(body) == {(((5,),), (0, 5))}


def test_a_reader_that_has_rows_left_keeps_a_writer_waiting_until_it_has_fetched_them(path):
    def body():
        reset(path)
        lock = threading.Lock()

        def reader():
            with closing(sqlite3.connect(path)) as connection:
                for _ in connection.execute("select n from t union all select 1 union all select 2"):
                    with lock:
                        pass

        def writer():
            with closing(sqlite3.connect(path, timeout=LONG)) as connection, connection:
                connection.execute("update t set n = n + 1")

        together(reader, writer)
        return numbers(path)

    assert answers(body) == {(1,)}


def test_rows_that_nobody_fetches_are_let_go_with_their_cursor(path):
    def body():
        reset(path)
        lock = threading.Lock()

        def reader():
            with closing(sqlite3.connect(path)) as connection:
                cursor = connection.execute("select n from t union all select 1")
                with lock:
                    pass
                del cursor
                with lock:
                    pass

        def writer():
            with closing(sqlite3.connect(path, timeout=LONG)) as connection, connection:
                connection.execute("update t set n = n + 1")

        together(reader, writer)
        return numbers(path)

    assert answers(body) == {(1,)}


def test_who_gives_up_while_it_fetches_is_told_so_after_its_own_timeout(path):
    def body():
        reset(path)
        seen = []
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("begin")
            reader.execute("select n from t").fetchall()

            def work():
                with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as connection:
                    rows = connection.execute("insert into t values(5) returning n")
                    began = time.monotonic()
                    try:
                        rows.fetchall()
                    except sqlite3.OperationalError as error:
                        seen.append((str(error), 0.5 <= time.monotonic() - began < 1))

            together(work)
        return tuple(seen), numbers(path)

    assert answers(body) == {((("database is locked", True),), (0,))}


def test_one_connection_is_used_by_one_task_at_a_time_while_it_waits(path):
    def body():
        reset(path)
        lock = threading.Lock()
        with closing(sqlite3.connect(path, timeout=LONG, isolation_level=None, check_same_thread=False)) as shared:

            def transaction():
                with closing(sqlite3.connect(path, timeout=LONG, isolation_level=None)) as connection:
                    connection.execute("begin immediate")
                    with lock:
                        pass
                    connection.execute("commit")

            def insert(n):
                shared.execute("insert into t values(?)", (n,))

            together(transaction, lambda: insert(1), lambda: insert(2))
        return numbers(path)

    assert answers(body) == {(0, 1, 2)}


def test_rows_that_are_fetched_while_another_task_writes_by_the_same_connection(path):
    def body():
        reset(path)
        seen = []
        with closing(sqlite3.connect(path, check_same_thread=False)) as shared:

            def reader():
                cursor = shared.execute("select n from t")
                seen.append(tuple(cursor.fetchone()))
                seen.append(shared.execute("select count(*) from t").fetchone()[0])

            together(reader, lambda: shared.execute("insert into t values(7)"))
        return tuple(seen)

    assert answers(body) >= {((0,), 1), ((0,), 2)}


@pytest.mark.parametrize("journal", ["delete", "wal", "truncate", "persist"])
def test_a_value_is_read_and_written_in_between_whatever_the_journal(path, journal):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")

    def body():
        reset(path)

        def work():
            with closing(sqlite3.connect(path, timeout=LONG)) as connection:
                (n,) = connection.execute("select n from t").fetchone()
                connection.execute("update t set n = ?", (n + 1,))
                connection.commit()

        together(work, work)
        return numbers(path)

    assert answers(body) == {(1,), (2,)}


@pytest.mark.parametrize("name", ["file::memory:?cache=shared", "file:shop?mode=memory&cache=shared"])
def test_what_is_in_memory_is_shared_by_its_name(name):
    def body():
        with closing(sqlite3.connect(name, uri=True)) as keeper, keeper:
            keeper.execute("create table t(n)")
            keeper.execute("insert into t values(0)")
            keeper.commit()
            refused = []

            def work():
                with closing(sqlite3.connect(name, uri=True)) as connection:
                    try:
                        (n,) = connection.execute("select n from t").fetchone()
                        connection.execute("update t set n = ?", (n + 1,))
                        connection.commit()
                    except sqlite3.OperationalError as error:
                        refused.append(str(error).split(":")[0])

            together(work, work)
            return tuple(refused), keeper.execute("select n from t").fetchone()[0]

    assert answers(body) >= {((), 1), ((), 2), (("database table is locked",), 1)}


def test_those_who_wait_do_not_wake_each_other_while_the_owner_sleeps(path, controlled):
    def body():
        locked = threading.Event()

        def own():
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("begin immediate")
                locked.set()
                time.sleep(0.5)
                connection.execute("commit")

        def add():
            locked.wait()
            with closing(sqlite3.connect(path, timeout=LONG)) as connection, connection:
                connection.execute("insert into t values(1)")

        together(add, add, own)

    run = controlled(body)
    assert run.exception is None and not run.unhandled
    assert run.points < 500
