"""Ticket numbers out of a generator that all threads share."""

from concurrent.futures import ThreadPoolExecutor


class Tickets:
    def __init__(self):
        self._last = 0
        self._numbers = self._count()

    def take(self, customer):
        return next(self._numbers)

    def _count(self):
        while True:
            self._last += 1
            yield self._last


def test_two_customers_have_two_numbers():
    tickets = Tickets()
    with ThreadPoolExecutor(max_workers=2) as pool:
        numbers = list(pool.map(tickets.take, ["ann", "bob"]))
    assert sorted(numbers) == [1, 2]
