"""What an installed package does for the program is told of by the program's line that has called it."""

import textwrap

import pytest
from processes import importing_as_here, race_in

PACKAGE = """
    import sqlite3, threading

    class Store:
        def __init__(self, path):
            self.path = path
            self.guard = threading.Lock()

        def _run(self, statement, *arguments):
            with self.guard:
                connection = sqlite3.connect(self.path, isolation_level=None)
            try:
                return connection.execute(statement, arguments).fetchone()
            finally:
                with self.guard:
                    connection.close()

        def get(self):
            return self._run("select balance from account")[0]

        def put(self, balance):
            self._run("update account set balance = ?", balance)

    def in_threads(*calls):
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
"""
TEST = """
    import sqlite3
    from contextlib import closing
    from store import Store, in_threads

    def deposit(store):
        balance = store.get()
        store.put(balance + 10)

    def test_two_deposits(tmp_path):
        path = tmp_path / "bank.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("create table account (balance integer)")
            connection.execute("insert into account values (100)")
        store = Store(path)
        in_threads(lambda: deposit(store), lambda: deposit(store))
        assert store.get() == 120
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("through")
    packages = folder / "environment/site-packages"
    packages.mkdir(parents=True)
    (packages / "store.py").write_text(textwrap.dedent(PACKAGE))
    (folder / "project").mkdir()
    (folder / "project/test_bank.py").write_text(textwrap.dedent(TEST))
    ended, (summary,) = race_in(folder / "project", environment=importing_as_here(packages))
    return ended.stdout, summary["findings"][0], folder / "project" / summary["witness"]


def test_the_accesses_are_told_of_by_the_program_s_lines(told):
    report, finding, _ = told
    assert finding["pattern"] == "lost update"
    assert "read: Thread-1 (<lambda>) @ test_bank.py:7 in deposit" in report
    assert "update: Thread-2 (<lambda>) @ test_bank.py:8 in deposit" in report
    assert "at: test_bank.py:8 in deposit    store.put(balance + 10)" in report


def test_threads_are_told_of_by_the_program_s_line_that_had_them_made(told):
    report, _, _ = told
    assert "by main @ test_bank.py:17 in test_two_deposits" in report


def test_no_line_of_the_package_is_told_of(told):
    report, _, _ = told
    assert "store.py" not in report


def test_what_a_package_does_with_its_own_locks_is_not_how_a_passing_schedule_differs(told):
    report, _, _ = told
    assert "guard" not in report[report.index("passes: when") :]


def test_the_witness_names_the_package_s_own_line(told):
    _, _, witness = told
    assert "store.py" in witness.read_text()
