"""A stock that two warehouses count down under a lease."""

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

    def read(self):
        with self._lock:
            return self._value

    def write(self, value):
        with self._lock:
            self._value = value


class Stock:
    def __init__(self, pieces):
        self.store = Store(pieces)
        self._lease = Lease()

    def ship(self, warehouse, pieces):
        self._lease.acquire(warehouse)
        in_stock = self.store.read()
        self.store.write(in_stock - pieces)
        self._lease.release(warehouse)
