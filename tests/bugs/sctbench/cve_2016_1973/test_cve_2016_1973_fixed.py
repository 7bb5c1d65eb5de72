"""SCTBench ConVul CVE-2016-1973: one instance for all, made by the first who needs it, deleted by the last.

Users are counted, and the instance is made and deleted, under one lock.
"""

import threading


class Memory:
    """What was allocated. To free it is one step, as it is for an allocator."""

    def __init__(self):
        self._lock = threading.Lock()
        self.is_freed = False

    def free(self):
        with self._lock:
            assert not self.is_freed, "double free"
            self.is_freed = True

    def use(self):
        assert not self.is_freed, "use after free"


class Static:
    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.instance = None

    def get(self):
        with self.lock:
            self.count += 1
            if self.count == 1:
                self.instance = Memory()
            return self.instance

    def put(self):
        with self.lock:
            self.count -= 1
            if self.count == 0:
                self.instance.free()
                self.instance = None

    def run(self):
        self.get().use()
        self.put()


def test_an_instance_lives_as_long_as_it_has_users():
    static = Static()
    threads = [threading.Thread(target=static.run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
