"""The table that a statement is about, read off its text; none where it is about several, or nothing is certain."""

from __future__ import annotations

import sqlite3
from pathlib import PurePosixPath

import pytest

from unblink.exploration.stored import only_table, stored_name


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


def test_what_is_stored_is_named_by_what_a_person_knows() -> None:
    assert stored_name("/var/lib/poll.json", None) == "file poll.json"
    assert stored_name(b"/var/lib/poll.json", None) == "file poll.json"
    assert stored_name(PurePosixPath("/var/lib"), None) == "file lib"
    assert stored_name("/", None) == "file /"
    assert stored_name(7, None) == "descriptor 7"
    assert stored_name(object(), None) == "file"
    database = sqlite3.connect(":memory:")
    assert stored_name(database, "SELECT 1 FROM votes") == "table votes"
    assert stored_name(database, "COMMIT") == "database"
    assert stored_name(database, None) == "database"
    database.close()
