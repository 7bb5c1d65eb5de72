"""Invoices numbered under a lease, and a printer that is tried again after 35 s when it is busy."""

import threading
import time

LEASE_SECONDS = 30.0
PRINTER_RETRY_SECONDS = 35.0
COPY_SECONDS = 0.2


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


class Ledger:
    def __init__(self):
        self._lock = threading.Lock()
        self.invoices = []

    def next_number(self):
        with self._lock:
            return len(self.invoices) + 1

    def add(self, number):
        with self._lock:
            self.invoices.append(number)


class Office:
    def __init__(self):
        self.ledger = Ledger()
        self._lease = Lease()
        self._printer = threading.Lock()

    def bill(self, clerk):
        self._lease.acquire(clerk)
        number = self.ledger.next_number()
        self.print_page()
        self.ledger.add(number)
        self._lease.release(clerk)

    def copy_page(self):
        with self._printer:
            time.sleep(COPY_SECONDS)

    def print_page(self):
        while not self._printer.acquire(blocking=False):
            time.sleep(PRINTER_RETRY_SECONDS)
        self._printer.release()
