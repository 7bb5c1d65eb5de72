"""An embedded key-value store: the few commands of a Redis client that a job queue needs.

This is the seam: a real client can stand in its place (`transaction` is then a Lua script). Each command is
atomic, as it is on a server, and so is everything in a `transaction`.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Store:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._values: dict[str, str] = {}
        self._expiry: dict[str, float] = {}
        self._lists: dict[str, deque[str]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All commands inside as one."""
        with self._lock:
            yield

    def rpush(self, key: str, *values: str) -> None:
        with self._lock:
            self._lists.setdefault(key, deque()).extend(values)

    def lpop(self, key: str) -> str | None:
        with self._lock:
            values = self._lists.get(key)
            return values.popleft() if values else None

    def lrange(self, key: str) -> list[str]:
        with self._lock:
            return list(self._lists.get(key, ()))

    def get(self, key: str) -> str | None:
        with self._lock:
            self._drop_if_expired(key)
            return self._values.get(key)

    def set(self, key: str, value: str, *, nx: bool = False, ex: float | None = None) -> bool:
        """Set `key`, for `ex` seconds when given; with `nx` only when it is absent. Whether it was set."""
        with self._lock:
            self._drop_if_expired(key)
            if nx and key in self._values:
                return False
            self._values[key] = value
            self._expiry.pop(key, None)
            if ex is not None:
                self._expiry[key] = time.monotonic() + ex
            return True

    def incr(self, key: str) -> int:
        with self._lock:
            number = int(self.get(key) or 0) + 1
            self._values[key] = str(number)
            return number

    def delete_if_equal(self, key: str, value: str) -> bool:
        """Compare and delete: whether `key` had that value and is gone now."""
        with self._lock:
            if self.get(key) != value:
                return False
            del self._values[key]
            self._expiry.pop(key, None)
            return True

    def expire_if_equal(self, key: str, value: str, ex: float) -> bool:
        """Compare and renew: whether `key` has that value and now lives for `ex` more seconds."""
        with self._lock:
            if self.get(key) != value:
                return False
            self._expiry[key] = time.monotonic() + ex
            return True

    def _drop_if_expired(self, key: str) -> None:
        if self._expiry.get(key, float("inf")) <= time.monotonic():
            del self._values[key], self._expiry[key]
