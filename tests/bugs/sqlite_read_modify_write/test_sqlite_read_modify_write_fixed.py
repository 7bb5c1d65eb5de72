"""An account in a database; a deposit is one transaction, which holds the database from the first read."""

import sqlite3
import threading
from contextlib import closing


class Account:
    def __init__(self, path):
        self._path = path
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE account (balance INTEGER)")
            database.execute("INSERT INTO account VALUES (100)")
            database.commit()

    def deposit(self, amount):
        with closing(sqlite3.connect(self._path)) as database:
            database.execute("BEGIN IMMEDIATE")
            (balance,) = database.execute("SELECT balance FROM account").fetchone()
            database.execute("UPDATE account SET balance = ?", (balance + amount,))
            database.commit()

    def balance(self):
        with closing(sqlite3.connect(self._path)) as database:
            return database.execute("SELECT balance FROM account").fetchone()[0]


def test_two_deposits_are_both_in_the_account(tmp_path):
    account = Account(tmp_path / "bank.db")
    salary = threading.Thread(target=account.deposit, args=(1000,), name="salary")
    interest = threading.Timer(0.2, account.deposit, args=(3,))
    salary.start()
    interest.start()
    salary.join()
    interest.join()
    assert account.balance() == 1103
