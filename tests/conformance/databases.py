"""A database with one number in it, for bodies that explorations run again and again."""

import sqlite3
from contextlib import closing

LONG = 1000  # seconds: longer than any task is held back


def make(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t(n)")
        connection.execute("insert into t values(0)")
    return path


def reset(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("delete from t")
        connection.execute("insert into t values(0)")


def numbers(path):
    with closing(sqlite3.connect(path)) as connection:
        return tuple(n for (n,) in connection.execute("select n from t order by n"))
