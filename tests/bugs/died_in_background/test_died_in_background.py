"""Sessions that end by a log-out or by the reaper."""

import threading


class Sessions:
    def __init__(self, *users):
        self._users = dict.fromkeys(users, "active")

    def end(self, user):
        if user in self._users:
            del self._users[user]

    def active(self):
        return list(self._users)


def test_a_session_that_is_ended_twice_is_gone():
    sessions = Sessions("ann", "bob")
    threads = [threading.Thread(target=sessions.end, args=("ann",), name=name) for name in ("log-out", "reaper")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sessions.active() == ["bob"]
