"""An auditor who adds up two accounts: he and the transfers take turns."""

import threading


class Bank:
    def __init__(self):
        self.savings = 70
        self.current = 30
        self._lock = threading.Lock()

    def transfer(self, amount):
        with self._lock:
            self.savings -= amount
            self.current += amount

    def total(self):
        with self._lock:
            return self.savings + self.current


def test_the_auditor_always_finds_the_same_total():
    bank = Bank()
    teller = threading.Thread(target=bank.transfer, args=(20,), name="teller")
    teller.start()
    total = bank.total()
    teller.join()
    assert total == 100
