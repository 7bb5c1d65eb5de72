"""SCTBench ConVul CVE-2016-9806: two threads dump one socket; each keeps its buffer in the socket while it needs it.

A thread frees the buffer that it made.
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


class Callback:
    def __init__(self):
        self.skb = None


class Sock:
    def __init__(self):
        self.mutex = threading.Lock()
        self.cb = Callback()

    def dump(self):
        with self.mutex:
            cb = self.cb
            skb = Memory()
            cb.skb = skb
        skb.free()


def test_a_buffer_is_freed_once():
    sock = Sock()
    threads = [threading.Thread(target=sock.dump) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
