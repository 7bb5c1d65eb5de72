"""The table that a statement is about, read off its text; none where it is about several, or nothing is certain."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from unblink.exploration.stored import StoredNames, only_table


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT balance FROM accounts WHERE id = ?", "accounts"),
        ("select count(*) from main.accounts a where a.n > 1", "accounts"),
        ("SELECT * FROM [two words]", "two words"),
        ('UPDATE "accounts" SET balance = 1', "accounts"),
        ("UPDATE OR IGNORE accounts SET balance = 1", "accounts"),
        ("INSERT INTO accounts (id) VALUES ('from orders')", "accounts"),
        ("insert or replace into accounts values (1) on conflict do update set n = 2", "accounts"),
        ("REPLACE INTO accounts VALUES (1)", "accounts"),
        ("DELETE FROM accounts -- and not from orders", "accounts"),
        ("SELECT * FROM accounts WHERE id IN (SELECT id FROM Accounts)", "accounts"),
        ("SELECT * FROM accounts, orders", None),
        ("SELECT * FROM accounts a, orders", None),
        ("SELECT * FROM accounts JOIN orders USING (id)", None),
        ("INSERT INTO accounts SELECT * FROM orders", None),
        ("UPDATE accounts SET n = 1; UPDATE orders SET n = 2", None),
        ("BEGIN IMMEDIATE", None),
        ("SELECT 1", None),
        ("", None),
    ],
)
def test_the_table_of_a_statement(sql: str, table: str | None) -> None:
    found = only_table(sql)
    assert (found and found.lower()) == table


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        yield database


def test_files_are_named_by_what_a_person_knows(tmp_path: Path) -> None:
    names = StoredNames()
    assert names.told("read", "/var/lib/poll.json", None) == ("read", "file poll.json")
    assert names.told("update", b"/var/lib/poll.json", None) == ("update", "file poll.json")
    assert names.told("read", PurePosixPath("/var/lib"), None) == ("read", "file lib")
    assert names.told("read", "/", None) == ("read", "file /")
    assert names.told("read", 99_999, None) == ("read", "descriptor 99999")
    with open(tmp_path / "votes.log", "w", encoding="utf-8") as file:
        assert names.told("read", file.fileno(), None) == ("read", "file votes.log")
        (tmp_path / "votes.log").unlink()
        assert names.told("read", file.fileno(), None) == ("read", "file votes.log")
    read, write = os.pipe()
    assert names.told("read", read, None) == ("read", f"descriptor {read}")
    os.close(read)
    os.close(write)
    assert names.told("read", object(), None) == ("read", "file")


def test_a_commit_is_told_with_the_table_that_its_transaction_wrote(connection: sqlite3.Connection) -> None:
    names = StoredNames()
    assert names.told("update", connection, "BEGIN IMMEDIATE") == ("update", "database")
    assert names.told("read", connection, "SELECT n FROM others") == ("read", "table others")
    assert names.told("update", connection, "UPDATE votes SET n = 1") == ("update", "table votes")
    assert names.told("update", connection, "COMMIT") == ("commit", "table votes")
    assert names.told("update", connection, "commit") == ("commit", "database")  # of nothing


def test_a_commit_of_several_tables_or_of_who_knows_what_is_one_of_the_database(connection: sqlite3.Connection) -> None:
    names = StoredNames()
    for sql in ("UPDATE votes SET n = 1", "INSERT INTO voters VALUES (1)"):
        names.told("update", connection, sql)
    assert names.told("update", connection, "END") == ("commit", "database")
    for sql in ("UPDATE votes SET n = 1", "VACUUM"):
        names.told("update", connection, sql)
    assert names.told("update", connection, "COMMIT") == ("commit", "database")


def test_a_rollback_ends_a_transaction_and_one_to_a_savepoint_does_not(connection: sqlite3.Connection) -> None:
    names = StoredNames()
    names.told("update", connection, "UPDATE votes SET n = 1")
    assert names.told("update", connection, "ROLLBACK TO before")[0] == "update"
    assert names.told("update", connection, "ROLLBACK TRANSACTION TO before")[0] == "update"
    assert names.told("update", connection, "ROLLBACK") == ("rollback", "table votes")
    assert names.told("read", connection, None) == ("read", "database")
