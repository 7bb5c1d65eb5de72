"""A price list behind a cache: what was read before a change is not kept after it."""

import threading


class Database:
    def __init__(self, rows):
        self._rows = dict(rows)
        self._lock = threading.Lock()

    def select(self, key):
        with self._lock:
            return self._rows[key]

    def update(self, key, value):
        with self._lock:
            self._rows[key] = value


class PriceList:
    def __init__(self, database):
        self._database = database
        self._cache = {}
        self._changes = 0
        self._lock = threading.Lock()

    def price(self, article):
        with self._lock:
            price, changes = self._cache.get(article), self._changes
        if price is None:
            price = self._database.select(article)
            with self._lock:
                if self._changes == changes:
                    self._cache[article] = price
        return price

    def change(self, article, price):
        self._database.update(article, price)
        with self._lock:
            self._changes += 1
            self._cache.pop(article, None)


def test_a_changed_price_is_what_the_next_customer_sees():
    prices = PriceList(Database({"tea": 10}))
    customer = threading.Thread(target=prices.price, args=("tea",), name="customer")
    clerk = threading.Thread(target=prices.change, args=("tea", 12), name="clerk")
    customer.start()
    clerk.start()
    customer.join()
    clerk.join()
    assert prices.price("tea") == 12
