"""An address behind a readers-writer lock: the second reader waits until the first is in."""

import threading


class ReadersWriterLock:
    def __init__(self):
        self._mutex = threading.Lock()
        self._free = threading.Lock()
        self._readers = 0

    def acquire_read(self):
        with self._mutex:
            self._readers += 1
            if self._readers == 1:
                self._free.acquire()

    def release_read(self):
        with self._mutex:
            self._readers -= 1
            if self._readers == 0:
                self._free.release()

    def acquire_write(self):
        self._free.acquire()

    def release_write(self):
        self._free.release()


class Address:
    def __init__(self):
        self.host, self.port = "old", 1
        self._lock = ReadersWriterLock()

    def read(self):
        self._lock.acquire_read()
        host, port = self.host, self.port
        self._lock.release_read()
        return host, port

    def move(self, host, port):
        self._lock.acquire_write()
        self.host = host
        self.port = port
        self._lock.release_write()


def test_a_reader_sees_the_old_address_or_the_new_one():
    address = Address()
    seen = []
    threads = [threading.Thread(target=address.move, args=("new", 2), name="mover")]
    threads += [threading.Thread(target=lambda: seen.append(address.read())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) <= {("old", 1), ("new", 2)}
