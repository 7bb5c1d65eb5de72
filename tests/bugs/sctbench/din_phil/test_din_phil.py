"""SCTBench CS/din_phil: N philosophers take both their forks in one atomic step, then count themselves.

The forks never deadlock. Each philosopher insists that not all have eaten, so the last one fails, in whatever order;
only where an increment was lost does nobody fail.
"""

import threading


class Table:
    def __init__(self, size):
        self.size = size
        self.atomic = threading.Lock()
        self.forks = [threading.Lock() for _ in range(size)]
        self.phil = 0

    def eat(self, i):
        with self.atomic, self.forks[(i + 1) % self.size], self.forks[i]:
            pass
        self.phil += 1
        assert self.phil != self.size


def dine(size):
    table = Table(size)
    threads = [threading.Thread(target=table.eat, args=(i,)) for i in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_2_philosophers_eat():
    dine(2)


def test_3_philosophers_eat():
    dine(3)


def test_4_philosophers_eat():
    dine(4)


def test_5_philosophers_eat():
    dine(5)


def test_6_philosophers_eat():
    dine(6)


def test_7_philosophers_eat():
    dine(7)
