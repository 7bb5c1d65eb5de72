"""SCTBench CS/deadlock01: a counter under two locks, which its two threads take in opposite orders."""

import threading


class Counter:
    def __init__(self):
        self.a = threading.Lock()
        self.b = threading.Lock()
        self.counter = 0

    def up(self):
        with self.a, self.b:
            self.counter += 1

    def down(self):
        with self.b, self.a:
            self.counter -= 1


def test_what_goes_up_comes_down():
    counter = Counter()
    threads = [threading.Thread(target=target, name=target.__name__) for target in (counter.up, counter.down)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.counter == 0
