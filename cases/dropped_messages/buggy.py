"""An order consumer: takes orders off a broker and has a bounded pool of workers ship them.

broker ──> dispatcher ──(bounded queue)──> worker-1, worker-2 ──> warehouse
"""

import logging
import queue
import threading
from collections.abc import Callable

from .broker import Broker, Delivery

WORKERS = 2
BACKLOG = 1
HANDOFF_SECONDS = 0.5

log = logging.getLogger(__name__)


class Warehouse:
    """Where orders are shipped. Counts what left, order by order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shipped: list[str] = []

    def ship(self, order: str) -> None:
        with self._lock:
            self._shipped.append(order)

    def shipped(self) -> list[str]:
        with self._lock:
            return sorted(self._shipped)


class Consumer:
    """Feeds `handle` from `broker`, on a pool of `WORKERS` threads with a backlog of `BACKLOG` jobs.

    The backlog is bounded so that a burst cannot fill the memory, and the hand-off has a deadline so that
    the dispatcher is never stuck behind workers that are gone.
    """

    def __init__(self, broker: Broker, handle: Callable[[str], None]) -> None:
        self._broker = broker
        self._handle = handle
        self._jobs: queue.Queue[Delivery | None] = queue.Queue(maxsize=BACKLOG)
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher")
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}") for number in range(1, WORKERS + 1)
        ]

    def start(self) -> None:
        for thread in (*self._workers, self._dispatcher):
            thread.start()

    def stop(self) -> None:
        """Work off what the broker has ready, then stop."""
        self._broker.cancel()
        self._dispatcher.join()
        for _ in self._workers:
            self._jobs.put(None)
        for worker in self._workers:
            worker.join()

    def _dispatch(self) -> None:
        while (delivery := self._broker.get()) is not None:
            self._broker.ack(delivery.tag)
            try:
                self._jobs.put(delivery, timeout=HANDOFF_SECONDS)
            except queue.Full:
                # Nobody takes jobs any more: the normal way to go when we are shutting down.
                log.debug("hand-off of %s abandoned", delivery.body)

    def _work(self) -> None:
        while (delivery := self._jobs.get()) is not None:
            try:
                self._handle(delivery.body)
            except Exception as error:
                log.warning("order %s failed: %s", delivery.body, error)


def main() -> None:
    """A morning's orders, from the broker to the warehouse."""
    broker, warehouse = Broker(), Warehouse()
    consumer = Consumer(broker, warehouse.ship)
    consumer.start()
    for number in range(1, 101):
        broker.publish(f"order-{number:03}")
    consumer.stop()
    print(f"{len(warehouse.shipped())} of 100 orders shipped")


if __name__ == "__main__":
    main()
