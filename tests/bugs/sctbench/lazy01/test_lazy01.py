"""SCTBench CS/lazy01: two threads add to a sum under a lock, a third one fails when it finds all of it.

So the third thread must not come last. It was started last.
"""

import threading


class Sum:
    def __init__(self):
        self.m = threading.Lock()
        self.data = 0

    def add_one(self):
        with self.m:
            self.data += 1

    def add_two(self):
        with self.m:
            self.data += 2

    def check(self):
        with self.m:
            assert not self.data >= 3


def test_the_sum_stays_below_its_limit():
    total = Sum()
    steps = (total.add_one, total.add_two, total.check)
    threads = [threading.Thread(target=step, name=step.__name__) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
