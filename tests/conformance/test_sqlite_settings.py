"""What is left out in an execution cannot be seen in it, nor before it, nor after it."""

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from databases import make, numbers
from workers import together

SETTINGS = (
    "synchronous",
    "journal_mode",
    "busy_timeout",
    "locking_mode",
    "page_size",
    "fullfsync",
    "wal_autocheckpoint",
)


def settings_of(connection):
    return tuple(connection.execute(f"pragma {name}").fetchone()[0] for name in SETTINGS)


@pytest.mark.parametrize("journal", ["delete", "wal", "memory"])
def test_a_connection_tells_its_settings_as_ever(tmp_path, alike, journal):
    path = make(tmp_path / "db")

    def body():
        with closing(sqlite3.connect(path, timeout=7)) as connection:
            connection.execute(f"pragma journal_mode = {journal}")
            before = settings_of(connection)
            connection.execute("pragma synchronous = full")
            connection.execute("pragma busy_timeout = 1234")
            with connection:
                connection.execute("update t set n = 5")
            return before, settings_of(connection)

    alike(body)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_connection_goes_on_from_before_an_execution_to_behind_it(tmp_path, controlled, journal):
    path = make(tmp_path / "db")
    with closing(sqlite3.connect(path, timeout=7, check_same_thread=False)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        before = settings_of(connection)

        def add():
            with connection:
                connection.execute("update t set n = n + 1")

        def body():
            together(add, add)
            made = sqlite3.connect(path, timeout=7, check_same_thread=False)
            with made:
                made.execute("update t set n = n + 1")
            return made

        add()
        with closing(controlled(body).value) as made:
            for each in (connection, made):
                with each:
                    each.execute("update t set n = n + 1")
            assert settings_of(made) == settings_of(connection) == before
            assert made.execute("pragma integrity_check").fetchone() == ("ok",)
    assert numbers(path) == (6,)


def test_who_waits_outside_of_an_execution_waits_as_ever(tmp_path, controlled):
    path = make(tmp_path / "db")
    with closing(sqlite3.connect(path, timeout=10, check_same_thread=False)) as connection:
        controlled(lambda: connection.execute("select n from t").fetchall())
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
            holder.execute("begin immediate")
            timer = threading.Timer(0.05, lambda: holder.execute("commit"))
            timer.start()
            with connection:
                connection.execute("update t set n = 3")
            timer.join()
    assert numbers(path) == (3,)


TABLES = """
import ctypes, sqlite3, sys
from unblink.ground import control

class System(ctypes.Structure):
    _fields_ = [("numbers", ctypes.c_int * 3), ("next", ctypes.c_void_p), ("name", ctypes.c_char_p), ("data", ctypes.c_void_p),
                ("functions", ctypes.c_void_p * 10)]

find = ctypes.CDLL(getattr(sys.modules["_sqlite3"], "__file__", None)).sqlite3_vfs_find
find.restype = ctypes.POINTER(System)
functions = lambda: list(find(None).contents.functions)
rows = lambda: list(sqlite3.connect(":memory:").execute("select 1"))
before = functions()
for _ in range(2):
    with control.installed():
        assert functions() != before
        assert rows() == [(1,)]
    assert functions() == before
    assert rows() == [(1,)]
"""


def test_the_tables_of_sqlite_are_given_back():
    done = subprocess.run([sys.executable, "-c", TABLES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_callbacks_of_the_program_see_its_own_statements_only(tmp_path, alike):
    path = make(tmp_path / "db")

    def body():
        traced, asked = [], []
        with closing(sqlite3.connect(path, timeout=7)) as connection:
            connection.set_trace_callback(traced.append)
            connection.set_authorizer(lambda *of: asked.append(of) or sqlite3.SQLITE_OK)
            connection.execute("pragma busy_timeout = 1234")
            connection.execute("pragma busy_timeout")
            connection.execute("select n from t")
            connection.executescript("pragma busy_timeout(5); pragma busy_timeout")
        return traced, asked

    alike(body)


def test_the_time_of_a_database_is_the_program_s(controlled):
    def body():
        with closing(sqlite3.connect(":memory:")) as connection:
            ask = "select strftime('%s', 'now'), current_timestamp, julianday('now')"
            first = connection.execute(ask).fetchone()
            time.sleep(86_400)
            return first, connection.execute(ask).fetchone(), time.gmtime()[:3]

    first, second, day = controlled(body).value
    assert [int(part) for part in second[1][:10].split("-")] == list(day)
    assert second[1][10:] == first[1][10:]
    assert second[2] - first[2] == pytest.approx(1, abs=1e-6)
    assert int(second[0]) - int(first[0]) == 86_400


def test_outside_of_an_execution_a_database_has_the_real_time(ground):
    with closing(sqlite3.connect(":memory:")) as connection:
        (told,) = connection.execute("select strftime('%s', 'now')").fetchone()
        assert abs(int(told) - time.time()) < 60
