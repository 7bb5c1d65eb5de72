"""SCTBench CS/carter01: the first user of either kind takes a lock that its last user gives back.

Who waits for `l` still holds `m`, which the holder of `l` needs to give it back: a deadlock. Two threads do nothing.
"""

import threading


class Carter:
    def __init__(self):
        self.m = threading.Lock()
        self.l = threading.Lock()
        self.a = 0
        self.b = 0

    def use_a(self):
        with self.m:
            self.a += 1
            if self.a == 1:
                self.l.acquire()
        with self.m:
            self.a -= 1
            if self.a == 0:
                self.l.release()

    def use_b(self):
        with self.m:
            self.b += 1
            if self.b == 1:
                self.l.acquire()
        with self.m:
            self.b -= 1
            if self.b == 0:
                self.l.release()

    def do_nothing(self):
        pass


def test_all_users_come_to_an_end():
    carter = Carter()
    targets = (carter.use_a, carter.use_b, carter.do_nothing, carter.do_nothing)
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
