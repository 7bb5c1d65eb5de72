"""SCTBench CS/reorder: setters write `a`, then `b`; checkers accept both values as they were, or both as they are set.

`b` is never set back, so a checker fails only while every setter that wrote `a` stands before its write of `b`: the
more setters, all started before the checkers, the more of them must be held back.
"""

import threading


class Pair:
    def __init__(self):
        self.a = 0
        self.b = 0

    def set(self):
        self.a = 1
        self.b = -1

    def check(self):
        assert (self.a == 0 and self.b == 0) or (self.a == 1 and self.b == -1)


def reorder(setters, checkers):
    pair = Pair()
    threads = [threading.Thread(target=pair.set) for _ in range(setters)]
    threads += [threading.Thread(target=pair.check) for _ in range(checkers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_2_setters_and_1_checker():
    reorder(2, 1)


def test_3_setters_and_1_checker():
    reorder(3, 1)


def test_9_setters_and_1_checker():
    reorder(9, 1)


def test_40_setters_and_10_checkers():
    reorder(40, 10)


def test_99_setters_and_1_checker():
    reorder(99, 1)
