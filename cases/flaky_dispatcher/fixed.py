"""A dispatcher of alarms: sends each over all channels at once, and counts what is in flight on each channel.

    dispatch ──> pool of senders ──> gateways
       │ accepted: one more             │ receipts, each on a thread of its gateway: one less
       └──────────> in flight <─────────┘

What must hold: the number of messages in flight on a channel is changed by one path at a time. To read it, to
write the audit line and to set it is one step, under one lock, on both paths.
"""

import hmac
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from .gateways import Gateway, sign

SENDERS = 2


class Dispatcher:
    """Sends messages over every gateway. Each delivery is written to `audit`."""

    def __init__(self, gateways: Sequence[Gateway], audit: TextIO) -> None:
        self._gateways = gateways
        self._audit = audit
        self._in_flight: dict[str, int] = {}
        self._lock = threading.Lock()

    def dispatch(self, message: str) -> None:
        """Send `message` over every channel; returns when every gateway has accepted it."""
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="sender") as pool:
            accepted = {
                pool.submit(gateway.send, message, self._on_receipt): gateway.channel for gateway in self._gateways
            }
            for answer, channel in accepted.items():
                answer.result()
                self._count(channel, +1)

    def close(self) -> None:
        """Wait for every receipt."""
        for gateway in self._gateways:
            gateway.close()

    def in_flight(self) -> dict[str, int]:
        """What was accepted and not yet delivered, by channel: for the status page."""
        with self._lock:
            return dict(self._in_flight)

    def _on_receipt(self, channel: str, signature: bytes) -> None:
        """What the gateways call, from their own threads."""
        if hmac.compare_digest(signature, sign(channel)):
            self._count(channel, -1)

    def _count(self, channel: str, change: int) -> None:
        with self._lock:
            before = self._in_flight.get(channel, 0)
            if change < 0:
                self._audit.write(f"{channel}: delivered, {before + change} in flight\n")
            self._in_flight[channel] = before + change


def main() -> None:
    """One alarm over three channels."""
    dispatcher = Dispatcher([Gateway("mail"), Gateway("push"), Gateway("sms")], audit=sys.stderr)
    dispatcher.dispatch("the server room is on fire")
    dispatcher.close()
    for channel, count in sorted(dispatcher.in_flight().items()):
        print(f"{channel}: {count} in flight")


if __name__ == "__main__":
    main()
