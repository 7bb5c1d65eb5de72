"""A sum in parallel; the last one at the barrier adds up the parts."""

import threading
from concurrent.futures import ThreadPoolExecutor


class ParallelSum:
    def __init__(self, numbers):
        self._numbers = numbers
        self._parts = [0] * len(numbers)
        self._barrier = threading.Barrier(len(numbers))
        self.total = None

    def share(self, index):
        self._parts[index] = self._numbers[index] ** 2
        if self._barrier.wait() == len(self._numbers) - 1:
            self.total = sum(self._parts)
        return self._parts[index] / self.total


def test_the_shares_make_a_whole():
    with ThreadPoolExecutor(max_workers=2) as pool:
        shares = list(pool.map(ParallelSum([3, 4]).share, range(2)))
    assert shares == [9 / 25, 16 / 25]
