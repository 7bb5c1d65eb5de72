"""The machine that does the work. Alone an invoice is rendered at once; beside other jobs it takes 35 s."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS_UNDER_LOAD = 35.0


class Machine:
    """`overlaps` counts how often an invoice was rendered that was being rendered already."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs = 0
        self._in_progress: list[str] = []
        self.overlaps = 0

    @contextmanager
    def job(self) -> Iterator[None]:
        """Everything inside is load for the other jobs."""
        with self._lock:
            self._jobs += 1
        try:
            yield
        finally:
            with self._lock:
                self._jobs -= 1

    def render(self, invoice: str) -> str:
        with self._lock:
            under_load = self._jobs > 1
            self.overlaps += invoice in self._in_progress
            self._in_progress.append(invoice)
        try:
            if under_load:
                time.sleep(SECONDS_UNDER_LOAD)
            return f"{invoice}.pdf"
        finally:
            with self._lock:
                self._in_progress.remove(invoice)
