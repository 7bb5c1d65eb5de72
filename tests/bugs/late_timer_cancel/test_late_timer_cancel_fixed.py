"""A seat that is held for half a second: it is paid for or freed, under one lock."""

import threading


class Seat:
    def __init__(self):
        self.history = []
        self._state = "held"
        self._lock = threading.Lock()
        self._timer = threading.Timer(0.5, self._expire)
        self._timer.start()

    def pay(self):
        with self._lock:
            if self._state == "held":
                self._timer.cancel()
                self._state = "paid"
                self.history.append("paid")

    def wait(self):
        self._timer.join()

    def _expire(self):
        with self._lock:
            if self._state == "held":
                self._state = "free"
                self.history.append("freed")


def test_a_seat_is_paid_for_or_freed_but_not_both():
    seat = Seat()
    seat.pay()
    seat.wait()
    assert seat.history in (["paid"], ["freed"])
