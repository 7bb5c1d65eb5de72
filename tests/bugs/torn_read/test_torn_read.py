"""An auditor who adds up two accounts during a transfer."""

import threading


class Bank:
    def __init__(self):
        self.savings = 70
        self.current = 30

    def transfer(self, amount):
        self.savings -= amount
        self.current += amount

    def total(self):
        return self.savings + self.current


def test_the_auditor_always_finds_the_same_total():
    bank = Bank()
    teller = threading.Thread(target=bank.transfer, args=(20,), name="teller")
    teller.start()
    total = bank.total()
    teller.join()
    assert total == 100
