"""A shop that charges a card; a second attempt has the key of the first, and the bank knows it."""

import threading
from concurrent.futures import ThreadPoolExecutor


class Bank:
    def __init__(self):
        self.charged = []
        self._orders = set()
        self._lock = threading.Lock()

    def charge(self, order, cents):
        with self._lock:
            if order not in self._orders:
                self._orders.add(order)
                self.charged.append(cents)


class Shop:
    def __init__(self, bank):
        self._bank = bank

    def sell(self, order, cents):
        with ThreadPoolExecutor(max_workers=2) as pool:
            for _attempt in range(2):
                answer = pool.submit(self._bank.charge, order, cents)
                try:
                    return answer.result(timeout=0.5)
                except TimeoutError:
                    continue


def test_an_order_is_charged_once():
    bank = Bank()
    Shop(bank).sell("order-1", 4200)
    assert bank.charged == [4200]
