"""A till that two cashiers ring up on at once."""

import threading


def with_tax(price):
    return price * 119 // 100


class Till:
    def __init__(self):
        self.total = 0

    def ring_up(self, prices):
        for price in prices:
            self.total += with_tax(price)


def test_no_sale_is_missing_from_the_total():
    till = Till()
    cashiers = [
        threading.Thread(target=till.ring_up, args=(prices,), name=name)
        for name, prices in [("cashier-1", [100, 200]), ("cashier-2", [1000, 2000])]
    ]
    for cashier in cashiers:
        cashier.start()
    for cashier in cashiers:
        cashier.join()
    assert till.total == with_tax(100) + with_tax(200) + with_tax(1000) + with_tax(2000)
