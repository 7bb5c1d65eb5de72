"""Exchange rates behind a cache, which is filled when the service starts."""

import asyncio


class Rates:
    def __init__(self):
        self.queries = 0

    def query(self, currency):
        self.queries += 1
        return {"EUR": 1.0, "USD": 1.1}[currency]


class Cache:
    def __init__(self, rates):
        self._rates = rates
        self._kept = {}

    async def rate(self, currency):
        if currency not in self._kept:
            self._kept[currency] = await asyncio.to_thread(self._rates.query, currency)
        return self._kept[currency]


async def a_busy_morning(cache):
    filling = asyncio.create_task(cache.rate("USD"))
    await asyncio.sleep(0.1)  # the doors are opened
    rates = await asyncio.gather(*(cache.rate("USD") for _ in range(3)))
    await filling
    return rates


def test_the_database_is_asked_once():
    rates = Rates()
    assert asyncio.run(a_busy_morning(Cache(rates))) == [1.1] * 3
    assert rates.queries == 1
