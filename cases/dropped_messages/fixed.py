"""An order consumer: takes orders off a broker and has a bounded pool of workers ship them.

    broker ──> dispatcher ──(bounded queue)──> worker-1, worker-2 ──> warehouse
       ^                                           │
       └───────── acknowledged when shipped ───────┘

What must hold: at each moment an order is with the broker or shipped. So the worker acknowledges, after the
work; who cannot hand a message on gives it back; a message can then come twice, so shipping is idempotent.
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
    """Where orders are shipped, each one once: a second request for the same order changes nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shipped: list[str] = []

    def ship(self, order: str) -> None:
        with self._lock:
            if order not in self._shipped:
                self._shipped.append(order)

    def shipped(self) -> list[str]:
        with self._lock:
            return sorted(self._shipped)


class Consumer:
    """Feeds `handle` from `broker`, on a pool of `WORKERS` threads with a backlog of `BACKLOG` jobs.

    A hand-off that takes long is tried again. It is abandoned only in a hard stop: then the message goes back
    to the broker, and `abandoned` counts it. In normal operation, however slow, `abandoned` stays at zero.
    """

    def __init__(self, broker: Broker, handle: Callable[[str], None]) -> None:
        self._broker = broker
        self._handle = handle
        self._jobs: queue.Queue[Delivery | None] = queue.Queue(maxsize=BACKLOG)
        self._hard_stop = threading.Event()
        self.abandoned = 0
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher")
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}") for number in range(1, WORKERS + 1)
        ]

    def start(self) -> None:
        for thread in (*self._workers, self._dispatcher):
            thread.start()

    def stop(self, hard: bool = False) -> None:
        """Work off what the broker has ready, then stop; when `hard`, leave it with the broker."""
        if hard:
            self._hard_stop.set()
        self._broker.cancel()
        self._dispatcher.join()
        for _ in self._workers:
            self._jobs.put(None)
        for worker in self._workers:
            worker.join()

    def _dispatch(self) -> None:
        while (delivery := self._broker.get()) is not None:
            if not self._hand_off(delivery):
                self.abandoned += 1
                self._broker.nack(delivery.tag)
                return

    def _hand_off(self, delivery: Delivery) -> bool:
        while not self._hard_stop.is_set():
            try:
                self._jobs.put(delivery, timeout=HANDOFF_SECONDS)
            except queue.Full:
                log.info("workers are slow: %s waits", delivery.body)
            else:
                return True
        return False

    def _work(self) -> None:
        while (delivery := self._jobs.get()) is not None:
            try:
                self._handle(delivery.body)
            except Exception as error:
                log.warning("order %s failed: %s", delivery.body, error)
                self._broker.nack(delivery.tag)
            else:
                self._broker.ack(delivery.tag)


def main() -> None:
    """A morning's orders, from the broker to the warehouse."""
    broker, warehouse = Broker(), Warehouse()
    consumer = Consumer(broker, warehouse.ship)
    consumer.start()
    for number in range(1, 101):
        broker.publish(f"order-{number:03}")
    consumer.stop()
    print(f"{len(warehouse.shipped())} of 100 orders shipped, {consumer.abandoned} hand-offs abandoned")


if __name__ == "__main__":
    main()
