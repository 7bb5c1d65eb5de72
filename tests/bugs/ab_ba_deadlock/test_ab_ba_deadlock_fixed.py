"""Transfers between accounts, each with a lock of its own; the locks are always taken by account number."""

import threading


class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.lock = threading.Lock()


def transfer(source, target, amount):
    first, second = sorted((source, target), key=lambda account: account.number)
    with first.lock:
        with second.lock:
            source.balance -= amount
            target.balance += amount


def test_transfers_in_both_directions_keep_the_sum():
    savings, current = Account(1, 100), Account(2, 100)
    there = threading.Thread(target=transfer, args=(savings, current, 30), name="there")
    back = threading.Thread(target=transfer, args=(current, savings, 10), name="back")
    there.start()
    back.start()
    there.join()
    back.join()
    assert (savings.balance, current.balance) == (80, 120)
