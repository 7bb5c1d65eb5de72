"""A sum in parallel; the parts are added up before the barrier lets anybody go."""

import threading
from concurrent.futures import ThreadPoolExecutor


class ParallelSum:
    def __init__(self, numbers):
        self._numbers = numbers
        self._parts = [0] * len(numbers)
        self._barrier = threading.Barrier(len(numbers), action=self._add_up)
        self.total = None

    def share(self, index):
        self._parts[index] = self._numbers[index] ** 2
        self._barrier.wait()
        return self._parts[index] / self.total

    def _add_up(self):
        self.total = sum(self._parts)


def test_the_shares_make_a_whole():
    with ThreadPoolExecutor(max_workers=2) as pool:
        shares = list(pool.map(ParallelSum([3, 4]).share, range(2)))
    assert shares == [9 / 25, 16 / 25]
