"""Embedded gateways: each accepts a message at once, and tells later, on its own thread, of its delivery.

This is the seam: a client of a real SMS, mail or push service with these methods can stand in its place.
"""

import hashlib
import threading
from collections.abc import Callable

KEY = b"shared with the gateways"
SIGNATURE_ROUNDS = 1000

Receipt = Callable[[str, bytes], None]


def sign(channel: str) -> bytes:
    """The signature of a receipt, made slow to guess."""
    return hashlib.pbkdf2_hmac("sha256", KEY, channel.encode(), SIGNATURE_ROUNDS)


class Gateway:
    """One channel. `send` accepts the message; the delivery receipt comes later, on the gateway's thread."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._receipts: list[threading.Thread] = []

    def send(self, message: str, on_receipt: Receipt) -> None:
        receipt = threading.Thread(target=self._deliver, args=(message, on_receipt), name=f"{self.channel}-gateway")
        self._receipts.append(receipt)
        receipt.start()

    def close(self) -> None:
        """Wait until every receipt was given."""
        for receipt in self._receipts:
            receipt.join()

    def _deliver(self, message: str, on_receipt: Receipt) -> None:
        on_receipt(self.channel, sign(self.channel))
