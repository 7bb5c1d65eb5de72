"""SCTBench ConVul CVE-2016-1973: one instance for all, made by the first who needs it, deleted by the last.

Who loses the race to create takes its own count back, and is then given an instance that another user deletes, or none.
"""

import threading


class Atomic:
    """A value whose every operation is one step."""

    def __init__(self, value):
        self._lock = threading.Lock()
        self._value = value

    def load(self):
        with self._lock:
            return self._value

    def store(self, value):
        with self._lock:
            self._value = value

    def exchange(self, value):
        with self._lock:
            found, self._value = self._value, value
            return found

    def add(self, amount):
        with self._lock:
            self._value += amount
            return self._value


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
        self.count = Atomic(0)
        self.instance = Atomic(None)

    def get(self):
        if self.count.load() == 0:
            self.create()
        elif self.count.add(1) == 1:
            self.count.add(-1)
            self.create()
        return self.instance.load()

    def create(self):
        new = Memory()
        if self.count.add(1) == 1:
            self.instance.store(new)
        else:
            self.count.add(-1)
            new.free()

    def put(self):
        if self.count.add(-1) == 0:
            old = self.instance.exchange(None)
            if old is not None:
                old.free()

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
