"""A stock that two warehouses count down under a lease; the store refuses to write over what was not read."""

import threading
import time

LEASE_SECONDS = 30.0


class Lease:
    """Held by one worker at a time; falls free by itself after 30 s, in case its holder has died."""

    def __init__(self):
        self._changed = threading.Condition()
        self._owner = None
        self._expires = 0.0

    def acquire(self, owner):
        with self._changed:
            while self._owner is not None and time.monotonic() < self._expires:
                self._changed.wait(self._expires - time.monotonic())
            self._owner = owner
            self._expires = time.monotonic() + LEASE_SECONDS

    def release(self, owner):
        with self._changed:
            if self._owner == owner:
                self._owner = None
                self._changed.notify()


class Store:
    def __init__(self, value):
        self._lock = threading.Lock()
        self._value = value
        self._version = 0

    def read(self):
        with self._lock:
            return self._value, self._version

    def write(self, value, seen):
        """Whether it was written: it is not when another write came after version `seen`."""
        with self._lock:
            if self._version != seen:
                return False
            self._value = value
            self._version += 1
            return True


class Stock:
    def __init__(self, pieces):
        self.store = Store(pieces)
        self._lease = Lease()

    def ship(self, warehouse, pieces):
        written = False
        while not written:
            self._lease.acquire(warehouse)
            in_stock, version = self.store.read()
            written = self.store.write(in_stock - pieces, seen=version)
            self._lease.release(warehouse)
