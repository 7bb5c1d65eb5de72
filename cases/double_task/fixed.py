"""A job queue for invoices: workers pop jobs off a list, and take a lease for each invoice they work on.

    rpush ──> jobs ──lpop──> worker ──> lease:<invoice> ──> render ──> result:<invoice>, billed + 1
                                          ^ renewed by a heartbeat       ^ checks the token, counts once

What must hold, and what sees to it (each of them can be switched off, to see what it is there for):
- an invoice is billed once: the result write is *idempotent*, only the first result counts;
- an older result never replaces a newer one: the lease comes with a *fencing* token, and the result write
  refuses every token but the newest;
- two workers do not work on one invoice at once: a *heartbeat* renews the lease while the work goes on. No
  lease can promise that on a machine that stands still; this is why the first two do not rely on it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from .machine import Machine
from .store import Store

JOBS = "jobs"
BILLED = "billed"
LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = 10.0
RETRY_SECONDS = LEASE_SECONDS + 1  # by then the lease was released, or has run out


class Heartbeat:
    """Renews the leases that were given to `keep`, from a thread of its own, between `start` and `stop`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._leases: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def keep(self, lease: str, token: str) -> Iterator[None]:
        with self._lock:
            self._leases[lease] = token
        try:
            yield
        finally:
            with self._lock:
                if self._leases.get(lease) == token:
                    del self._leases[lease]

    def _run(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            with self._lock:
                leases = list(self._leases.items())
            for lease, token in leases:
                self._store.expire_if_equal(lease, token, LEASE_SECONDS)


class Worker:
    """Works until the list is empty. Without a `heartbeat` its leases last for `LEASE_SECONDS`."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        heartbeat: Heartbeat | None,
        *,
        fencing: bool = True,
        idempotent: bool = True,
    ) -> None:
        self._store = store
        self._machine = machine
        self._heartbeat = heartbeat
        self._fencing = fencing
        self._idempotent = idempotent

    def run(self) -> None:
        while (invoice := self._store.lpop(JOBS)) is not None:
            with self._machine.job():
                done = self._attempt(invoice)
            if not done:
                self._store.rpush(JOBS, invoice)
                time.sleep(RETRY_SECONDS)

    def _attempt(self, invoice: str) -> bool:
        """Whether the job is done with; it is not while another worker holds the lease."""
        if self._store.get(f"result:{invoice}") is not None:  # saves the work; what decides is the write
            return True
        lease = f"lease:{invoice}"
        token = self._take(lease, invoice)
        if token is None:
            return False
        try:
            with self._heartbeat.keep(lease, token) if self._heartbeat else nullcontext():
                pdf = self._machine.render(invoice)
            self._write_result(invoice, pdf, token)
        finally:
            self._store.delete_if_equal(lease, token)
        return True

    def _take(self, lease: str, invoice: str) -> str | None:
        """The lease's token, larger than all before it; None when somebody else holds the lease."""
        with self._store.transaction():
            if self._store.get(lease) is not None:
                return None
            token = str(self._store.incr(f"token:{invoice}"))
            self._store.set(lease, token, ex=LEASE_SECONDS)
            return token

    def _write_result(self, invoice: str, pdf: str, token: str) -> None:
        with self._store.transaction():
            if self._fencing and self._store.get(f"token:{invoice}") != token:
                return
            is_first = self._store.get(f"result:{invoice}") is None
            self._store.set(f"result:{invoice}", pdf)
            self._store.rpush(f"writes:{invoice}", token)
            if is_first or not self._idempotent:
                self._store.incr(BILLED)


def work_off(
    store: Store,
    machine: Machine,
    workers: int = 2,
    *,
    heartbeat: bool = True,
    fencing: bool = True,
    idempotent: bool = True,
) -> None:
    """Have `workers` threads do all the jobs that are in the list; each cure can be left out."""
    beat = Heartbeat(store) if heartbeat else None
    worker = Worker(store, machine, beat, fencing=fencing, idempotent=idempotent)
    threads = [threading.Thread(target=worker.run, name=f"worker-{number + 1}") for number in range(workers)]
    if beat:
        beat.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if beat:
        beat.stop()


def main() -> None:
    """A hundred invoices, each tenth sent twice."""
    store = Store()
    for number in range(100):
        store.rpush(JOBS, *[f"invoice-{number:03}"] * (2 if number % 10 == 0 else 1))
    work_off(store, Machine())
    print(f"{store.get(BILLED)} of 100 invoices billed")


if __name__ == "__main__":
    main()
