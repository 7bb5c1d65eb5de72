"""Tickets that are sold by a pool of threads."""

from concurrent.futures import ThreadPoolExecutor


class BoxOffice:
    def __init__(self, seats):
        self.free = seats
        self.sold_to = []

    def sell(self, customer):
        if self.free == 0:
            return False
        self.sold_to.append(customer)
        self.free -= 1
        return True


def test_the_last_seat_is_sold_once():
    office = BoxOffice(seats=1)
    with ThreadPoolExecutor(max_workers=2) as pool:
        sold = list(pool.map(office.sell, ["ann", "bob"]))
    assert sold.count(True) == 1
    assert len(office.sold_to) == 1
