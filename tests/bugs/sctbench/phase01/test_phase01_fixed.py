"""SCTBench CS/phase01: two threads go through the same locks, and give back each of them."""

import threading


class Phase:
    def __init__(self):
        self.x = threading.Lock()
        self.y = threading.Lock()

    def run(self):
        self.x.acquire()
        self.x.release()
        self.x.acquire()
        self.x.release()
        self.y.acquire()
        self.y.release()
        self.y.acquire()
        self.y.release()


def test_both_threads_pass():
    phase = Phase()
    threads = [threading.Thread(target=phase.run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
