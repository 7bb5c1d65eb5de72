"""A status page that lists the sessions while people log in: it goes over a copy, made under the lock."""

import threading


class Sessions:
    def __init__(self):
        self._users = {}
        self._lock = threading.Lock()

    def log_in(self, user, role):
        with self._lock:
            self._users[user] = role

    def status(self):
        with self._lock:
            users = dict(self._users)
        return [f"{user} ({role})" for user, role in users.items()]


def test_the_status_page_can_be_read_while_somebody_logs_in():
    sessions = Sessions()
    sessions.log_in("ann", "admin")
    sessions.log_in("bob", "guest")
    visitor = threading.Thread(target=sessions.log_in, args=("cid", "guest"), name="visitor")
    visitor.start()
    lines = sessions.status()
    visitor.join()
    assert lines[:2] == ["ann (admin)", "bob (guest)"]
