"""SCTBench CS/account: a deposit, a withdrawal and a check of the balance, all under one lock.

The check looks when both others are done, and expects a balance that is wrong. Started first, it is mostly too early.
"""

import threading


class Account:
    def __init__(self):
        self.m = threading.Lock()
        self.x, self.y, self.z = 1, 2, 4
        self.balance = self.x
        self.deposit_done = False
        self.withdraw_done = False

    def check(self):
        with self.m:
            if self.deposit_done and self.withdraw_done:
                assert self.balance == (self.x - self.y) - self.z

    def deposit(self):
        with self.m:
            self.balance += self.y
            self.deposit_done = True

    def withdraw(self):
        with self.m:
            self.balance -= self.z
            self.withdraw_done = True


def test_the_balance_is_right_after_deposit_and_withdrawal():
    account = Account()
    steps = (account.check, account.deposit, account.withdraw)
    threads = [threading.Thread(target=step, name=step.__name__) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
