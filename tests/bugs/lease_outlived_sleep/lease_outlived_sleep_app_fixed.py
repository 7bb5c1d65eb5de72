"""Invoices numbered under a lease whose token the ledger checks; the printer is tried again after 35 s."""

import threading
import time

LEASE_SECONDS = 30.0
PRINTER_RETRY_SECONDS = 35.0
COPY_SECONDS = 0.2


class Lease:
    """Held by one worker at a time; falls free by itself after 30 s, in case its holder has died.

    `acquire` gives a token which is larger each time: what the lease protects refuses the smaller ones.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._owner = None
        self._expires = 0.0
        self._token = 0

    def acquire(self, owner):
        with self._changed:
            while self._owner is not None and time.monotonic() < self._expires:
                self._changed.wait(self._expires - time.monotonic())
            self._owner = owner
            self._expires = time.monotonic() + LEASE_SECONDS
            self._token += 1
            return self._token

    def release(self, owner):
        with self._changed:
            if self._owner == owner:
                self._owner = None
                self._changed.notify()


class Ledger:
    def __init__(self):
        self._lock = threading.Lock()
        self._newest_token = 0
        self.invoices = []

    def next_number(self, token):
        with self._lock:
            self._newest_token = max(self._newest_token, token)
            return len(self.invoices) + 1

    def add(self, number, token):
        """Whether the invoice went in: it does not when somebody with a newer lease has been here."""
        with self._lock:
            if token < self._newest_token:
                return False
            self.invoices.append(number)
            return True


class Office:
    def __init__(self):
        self.ledger = Ledger()
        self._lease = Lease()
        self._printer = threading.Lock()

    def bill(self, clerk):
        added = False
        while not added:
            token = self._lease.acquire(clerk)
            number = self.ledger.next_number(token)
            self.print_page()
            added = self.ledger.add(number, token)
            self._lease.release(clerk)

    def copy_page(self):
        with self._printer:
            time.sleep(COPY_SECONDS)

    def print_page(self):
        while not self._printer.acquire(blocking=False):
            time.sleep(PRINTER_RETRY_SECONDS)
        self._printer.release()
