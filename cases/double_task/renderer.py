"""The work: renders an invoice. Alone on the machine it is done at once; under load it takes 35 seconds."""

import threading
import time

SECONDS_UNDER_LOAD = 35.0


class Renderer:
    """One machine's renderer. `overlaps` counts how often two rendered the same invoice at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_progress: list[str] = []
        self.overlaps = 0

    def render(self, invoice: str) -> str:
        with self._lock:
            under_load = bool(self._in_progress)
            self.overlaps += invoice in self._in_progress
            self._in_progress.append(invoice)
        try:
            if under_load:
                time.sleep(SECONDS_UNDER_LOAD)
            return f"{invoice}.pdf"
        finally:
            with self._lock:
                self._in_progress.remove(invoice)
