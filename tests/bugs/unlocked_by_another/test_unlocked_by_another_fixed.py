"""A till whose night watch takes the lock, as everybody else."""

import threading


class Till:
    def __init__(self):
        self._lock = threading.Lock()
        self.cents = 0
        self.looked_after = False

    def take(self, amount):
        with self._lock:
            before = self.cents
            self.cents = int(before + amount)

    def night_watch(self):
        with self._lock:
            self.looked_after = True


def test_everything_that_was_taken_is_in_the_till():
    till = Till()
    workers = [threading.Thread(target=till.take, args=(5,), name=f"cashier-{n}") for n in (1, 2)]
    workers.append(threading.Thread(target=till.night_watch, name="watch"))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert till.cents == 10
