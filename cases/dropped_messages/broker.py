"""An embedded broker: the few calls of a real one's channel that a consumer needs.

This is the seam: a client of a real broker with these methods can stand in its place.
Each call is atomic, as it is on a server.
"""

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to a consumer, known to the broker by its `tag` until it is acknowledged."""

    tag: int
    body: str
    redelivered: bool = False


class Broker:
    """One queue. A delivered message is kept until `ack`; `nack` puts it back at the head of the queue."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ready: deque[Delivery] = deque()
        self._unacked: dict[int, Delivery] = {}
        self._tags = 0
        self._cancelled = False

    def publish(self, body: str) -> None:
        with self._changed:
            self._tags += 1
            self._ready.append(Delivery(self._tags, body))
            self._changed.notify()

    def get(self) -> Delivery | None:
        """The next message, waited for; None when the consumer was cancelled and nothing is ready."""
        with self._changed:
            while not self._ready:
                if self._cancelled:
                    return None
                self._changed.wait()
            delivery = self._ready.popleft()
            self._unacked[delivery.tag] = delivery
            return delivery

    def ack(self, tag: int) -> None:
        with self._changed:
            del self._unacked[tag]

    def nack(self, tag: int) -> None:
        with self._changed:
            delivery = self._unacked.pop(tag)
            self._ready.appendleft(Delivery(delivery.tag, delivery.body, redelivered=True))
            self._changed.notify()

    def cancel(self) -> None:
        """No more deliveries once nothing is ready: this is how a consumer is told to finish."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def pending(self) -> list[str]:
        """What the broker still answers for: messages that are ready, or delivered and not acknowledged."""
        with self._changed:
            return [delivery.body for delivery in (*self._unacked.values(), *self._ready)]
