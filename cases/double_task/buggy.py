"""A job queue for invoices: workers pop jobs off a list, and take a lock for each invoice they work on.

    rpush ──> jobs ──lpop──> worker ──> lock:<invoice> ──> render ──> result:<invoice>, billed + 1

A client that had no answer sends its job again, so one invoice can be in the list twice. The lock sees to it
that two workers do not work on one invoice; it falls free after 30 s, in case its worker has died. A worker
that finds the result there has nothing left to do.
"""

import threading
import time

from .machine import Machine
from .store import Store

JOBS = "jobs"
BILLED = "billed"
LEASE_SECONDS = 30.0
RETRY_SECONDS = LEASE_SECONDS + 1  # by then the lock was released, or has run out


class Worker:
    """Works until the list is empty. `name` is what it writes into the locks it holds."""

    def __init__(self, name: str, store: Store, machine: Machine) -> None:
        self.name = name
        self._store = store
        self._machine = machine

    def run(self) -> None:
        while (invoice := self._store.lpop(JOBS)) is not None:
            with self._machine.job():
                done = self._attempt(invoice)
            if not done:
                self._store.rpush(JOBS, invoice)
                time.sleep(RETRY_SECONDS)

    def _attempt(self, invoice: str) -> bool:
        """Whether the job is done with; it is not while another worker holds the lock."""
        if not self._store.set(f"lock:{invoice}", self.name, nx=True, ex=LEASE_SECONDS):
            return False
        try:
            if self._store.get(f"result:{invoice}") is None:
                pdf = self._machine.render(invoice)
                self._store.set(f"result:{invoice}", pdf)
                self._store.incr(BILLED)
        finally:
            self._store.delete_if_equal(f"lock:{invoice}", self.name)
        return True


def work_off(store: Store, machine: Machine, workers: int = 2) -> None:
    """Have `workers` threads do all the jobs that are in the list."""
    threads = [
        threading.Thread(target=Worker(name, store, machine).run, name=name)
        for name in (f"worker-{number}" for number in range(1, workers + 1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """A hundred invoices, each tenth sent twice."""
    store = Store()
    for number in range(100):
        store.rpush(JOBS, *[f"invoice-{number:03}"] * (2 if number % 10 == 0 else 1))
    work_off(store, Machine())
    print(f"{store.get(BILLED)} of 100 invoices billed")


if __name__ == "__main__":
    main()
