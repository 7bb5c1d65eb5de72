"""Two threads with a connection each to one SQLite database; both read a number and write it back. None of these can fail."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing

from benchmarks.programs.threads import run_all


def prepare(path: str) -> sqlite3.Connection:
    """Make the table that the bodies use. A database in memory lives for as long as this connection does."""
    connection = sqlite3.connect(path, uri=True)
    with connection:
        connection.execute("create table if not exists account (balance integer)")
        connection.execute("delete from account")
        connection.execute("insert into account values (0)")
    return connection


def updates(path: str) -> Callable[[], None]:
    """Return a body in which each thread reads and writes in transactions of their own, so that an update may be lost."""

    def work() -> None:
        with closing(sqlite3.connect(path, uri=True)) as connection:
            try:
                (balance,) = connection.execute("select balance from account").fetchone()
                connection.execute("update account set balance = ?", (balance + 1,))
                connection.commit()
            except sqlite3.OperationalError as error:  # a shared cache does not wait: its tables are locked, or not
                assert "locked" in str(error)

    return lambda: run_all(work, work)


def immediate(path: str) -> Callable[[], None]:
    """Return a body in which each thread does so in one transaction, which the other waits for."""

    def work() -> None:
        with closing(sqlite3.connect(path, uri=True, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            (balance,) = connection.execute("select balance from account").fetchone()
            connection.execute("update account set balance = ?", (balance + 1,))
            connection.execute("commit")

    return lambda: run_all(work, work)


def whole(path: str) -> Callable[[], None]:
    """Return a body that makes the database anew, has both threads update it, and reads what came of it."""
    body = updates(path)
    file = path.removeprefix("file:")

    def work() -> None:
        if os.path.exists(file):
            os.remove(file)
        prepare(path).close()
        body()
        with closing(sqlite3.connect(path, uri=True)) as connection:
            assert connection.execute("select balance from account").fetchone() in {(1,), (2,)}

    return work
