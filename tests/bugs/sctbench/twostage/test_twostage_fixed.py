"""SCTBench CS/twostage: writers set `d1` under one lock, and then `d2` from it under another; readers compare both.

A writer keeps the first lock until it has set `d2`.
"""

import threading


class TwoStage:
    def __init__(self):
        self.lock1 = threading.Lock()
        self.lock2 = threading.Lock()
        self.d1 = 0
        self.d2 = 0

    def write(self):
        with self.lock1:
            self.d1 = 1
            with self.lock2:
                self.d2 = self.d1 + 1

    def read(self):
        with self.lock1:
            if self.d1 == 0:
                return
            t1 = self.d1
        with self.lock2:
            t2 = self.d2
        assert t2 == t1 + 1


def two_stages(writers, readers):
    stages = TwoStage()
    threads = [threading.Thread(target=stages.write) for _ in range(writers)]
    threads += [threading.Thread(target=stages.read) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_1_writer_and_1_reader():
    two_stages(1, 1)


def test_40_writers_and_10_readers():
    two_stages(40, 10)


def test_99_writers_and_1_reader():
    two_stages(99, 1)
