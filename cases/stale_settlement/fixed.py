"""A ledger in SQLite, behind a query cache that each background job has to itself.

A job asks the same questions again and again, so inside `Database.cached` the answer to a query is kept and
given again, until anybody writes. At the console there is no cache.

What must hold: a cached answer is never older than the last write, whoever wrote. So every write counts up
`_writes`, under the same lock; an answer is kept with the count at which it was read, and good for that.
"""

import hashlib
import hmac
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

Parameters = tuple[str, ...]
Cache = dict[tuple[str, Parameters], tuple[int, int]]  # the answer, after the number of writes it saw

PASSWORD_ROUNDS = 2000
SALT = b"ledger"
SCHEMA = "CREATE TABLE entries (id INTEGER PRIMARY KEY, account TEXT, cents INTEGER, kind TEXT)"


class Database:
    """The seam: one connection to an embedded SQLite now, a pool of connections to a server later."""

    def __init__(self, path: str = ":memory:") -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute(SCHEMA)
        self._lock = threading.RLock()
        self._per_thread = threading.local()
        self._writes = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """No other thread reads or writes while this one is inside."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def cached(self) -> Iterator[None]:
        """Inside, this thread's queries go through a cache."""
        self._per_thread.cache = {}
        try:
            yield
        finally:
            self._per_thread.cache = None

    def query(self, sql: str, *parameters: str) -> int:
        cache: Cache | None = getattr(self._per_thread, "cache", None)
        with self._lock:
            if cache is None:
                return self._fetch(sql, parameters)
            key = (sql, parameters)
            if key not in cache or cache[key][0] != self._writes:
                cache[key] = (self._writes, self._fetch(sql, parameters))
            return cache[key][1]

    def execute(self, sql: str, *parameters: str) -> None:
        with self._lock:
            self._connection.execute(sql, parameters)
            self._writes += 1

    def _fetch(self, sql: str, parameters: Parameters) -> int:
        (value,) = self._connection.execute(sql, parameters).fetchone()
        return int(value)

    def close(self) -> None:
        self._connection.close()


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def post(self, account: str, cents: int, kind: str = "payment") -> None:
        self._database.execute("INSERT INTO entries (account, cents, kind) VALUES (?, ?, ?)", account, str(cents), kind)

    def balance(self, account: str) -> int:
        return self._database.query("SELECT COALESCE(SUM(cents), 0) FROM entries WHERE account = ?", account)

    def settlements(self, account: str) -> int:
        return self._database.query("SELECT COUNT(*) FROM entries WHERE account = ? AND kind = 'settlement'", account)

    def settle(self, account: str) -> None:
        """Bring the account to zero by one entry, if it is not there yet."""
        if self.balance(account) == 0:
            return
        with self._database.transaction():
            open_cents = self.balance(account)  # again: somebody may have settled in the meantime
            if open_cents != 0:
                self.post(account, -open_cents, kind="settlement")


class Clerk:
    """Somebody who can click on "settle" after the password was checked."""

    def __init__(self, ledger: Ledger, password: str) -> None:
        self._ledger = ledger
        self._hash = password_hash(password)

    def settle(self, account: str, password: str) -> None:
        if hmac.compare_digest(password_hash(password), self._hash):
            self._ledger.settle(account)


def password_hash(password: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, PASSWORD_ROUNDS)


def in_background(database: Database, name: str, job: Callable[[], None]) -> threading.Thread:
    """Run `job` as background jobs are run: on a thread of its own, with a query cache."""

    def run() -> None:
        with database.cached():
            job()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    return thread


def at_console(name: str, job: Callable[[], None]) -> threading.Thread:
    """Run `job` as somebody at the console would."""
    thread = threading.Thread(target=job, name=name)
    thread.start()
    return thread


def main() -> None:
    """A hundred accounts, each settled by the nightly job and by a click at the same time."""
    database = Database()
    ledger = Ledger(database)
    clerk = Clerk(ledger, "swordfish")
    accounts = [f"account-{number:03}" for number in range(100)]
    for account in accounts:
        ledger.post(account, 1000)
        nightly = in_background(database, "nightly", partial(ledger.settle, account))
        click = in_background(database, "click", partial(clerk.settle, account, "swordfish"))
        nightly.join()
        click.join()
    open_accounts = sum(ledger.balance(account) != 0 for account in accounts)
    database.close()
    print(f"{open_accounts} of 100 accounts are not at zero")


if __name__ == "__main__":
    main()
