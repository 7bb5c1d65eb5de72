"""A counter of visits, counted up under a lock."""

import threading


class Visits:
    def __init__(self):
        self.count = 0
        self._lock = threading.Lock()

    def visit(self):
        with self._lock:
            self.count += 1


def test_each_visit_counts():
    visits = Visits()
    threads = [threading.Thread(target=visits.visit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert visits.count == 2
