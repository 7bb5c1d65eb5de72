"""A counter of visits, counted up on one line."""

import threading


class Visits:
    def __init__(self):
        self.count = 0

    def visit(self):
        self.count += 1


def test_each_visit_counts():
    visits = Visits()
    threads = [threading.Thread(target=visits.visit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert visits.count == 2
