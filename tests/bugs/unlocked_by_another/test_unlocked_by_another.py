"""A till whose night watch opens a lock that seems to be forgotten, while the cashier still counts."""

import threading


class Till:
    def __init__(self):
        self._lock = threading.Lock()
        self.cents = 0

    def take(self, amount):
        self._lock.acquire()
        before = self.cents
        self.cents = int(before + amount)
        self._lock.release()

    def night_watch(self):
        if self._lock.locked():
            self._lock.release()


def test_everything_that_was_taken_is_in_the_till():
    till = Till()
    workers = [threading.Thread(target=till.take, args=(5,), name=f"cashier-{n}") for n in (1, 2)]
    workers.append(threading.Thread(target=till.night_watch, name="watch"))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert till.cents == 10
