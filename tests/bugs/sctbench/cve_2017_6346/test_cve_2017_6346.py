"""SCTBench ConVul CVE-2017-6346: two threads add one socket to a group; each allocates first, and frees when refused.

What was allocated is stored in the socket without a lock, so both may free what the second one stored, or use what the
other one freed.
"""

import threading

EINVAL = 22


class Memory:
    """What was allocated. To free it is one step, as it is for an allocator."""

    def __init__(self):
        self._lock = threading.Lock()
        self.is_freed = False

    def free(self):
        with self._lock:
            assert not self.is_freed, "double free"
            self.is_freed = True

    def set(self, number):
        assert not self.is_freed, "use after free"
        self.number = number


class Sock:
    def __init__(self):
        self.mutex = threading.Lock()
        self.rollover = None

    def fanout_add(self):
        self.rollover = Memory()
        self.rollover.set(0)
        with self.mutex:
            err = -EINVAL
        if err:
            self.rollover.free()


def test_what_was_allocated_is_freed_once():
    sock = Sock()
    threads = [threading.Thread(target=sock.fanout_add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
