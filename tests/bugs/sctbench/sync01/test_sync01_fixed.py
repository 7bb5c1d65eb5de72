"""SCTBench CS/sync01: one thread fills when it is empty, another one empties when it is full.

The one that empties takes away what is there.
"""

import threading


class Sync:
    def __init__(self):
        self.num = 1
        m = threading.Lock()
        self.empty = threading.Condition(m)
        self.full = threading.Condition(m)

    def fill(self):
        with self.empty:
            while self.num > 0:
                self.empty.wait()
            self.num += 1
        with self.full:
            self.full.notify()

    def take(self):
        with self.full:
            while self.num == 0:
                self.full.wait()
            self.num -= 1
        with self.empty:
            self.empty.notify()


def test_both_threads_end():
    sync = Sync()
    threads = [threading.Thread(target=target, name=target.__name__) for target in (sync.fill, sync.take)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
