"""SCTBench CS/carter01: the first user of either kind takes a lock that its last user gives back.

Nobody waits for `l` while holding `m`. Two threads do nothing.
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
            is_first = self.a == 1
        if is_first:
            self.l.acquire()
        with self.m:
            self.a -= 1
            if self.a == 0:
                self.l.release()

    def use_b(self):
        with self.m:
            self.b += 1
            is_first = self.b == 1
        if is_first:
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
