"""What a report tells of statements: the table that they touch, what a commit commits, and who waited for the lock."""

from processes import race_in

PROGRAM = """
import sqlite3
import threading
from contextlib import closing

def register(path, name):
    with closing(sqlite3.connect(path)) as users:
        if users.execute("SELECT count(*) FROM users WHERE name = ?", (name,)).fetchone()[0] == 0:
            users.execute("INSERT INTO users VALUES (?)", (name,))
            users.commit()

def test_a_name_is_registered_once(tmp_path):
    path = tmp_path / "users.db"
    with closing(sqlite3.connect(path)) as users:
        users.execute("CREATE TABLE users (name TEXT)")
        users.commit()
    tasks = [threading.Thread(target=register, args=(path, "ann")) for _ in range(2)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    with closing(sqlite3.connect(path)) as users:
        assert users.execute("SELECT count(*) FROM users").fetchone() == (1,)
"""


def test_a_statement_is_told_when_it_is_done_and_by_its_table(tmp_path):
    (tmp_path / "test_users.py").write_text(PROGRAM)
    ended, (told,) = race_in(tmp_path)
    assert [(one["kind"], one["pattern"]) for one in told["findings"]] == [("failure", "check-then-act")]
    lines = [line.split() for line in ended.stdout.splitlines() if line.startswith("#")]
    steps = [" ".join(word for word in line[1:-1] if word != "│") for line in lines if line[-1] != "│"]
    asked, done = steps.index("wait users"), len(steps) - 1 - steps[::-1].index("update users")
    assert asked < steps.index("commit users") < done, ended.stdout
    assert "waits: wait table users" in ended.stdout
    assert "BEGIN IMMEDIATE" in ended.stdout
