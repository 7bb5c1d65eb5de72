"""Seats that are sold online: the bank's client is an old one, which blocks, so it is called in a thread."""

import asyncio


class Bank:
    def __init__(self):
        self._authorised = []

    def authorise(self, customer):
        self._authorised.append(customer)
        return True


class BoxOffice:
    def __init__(self, seats, bank):
        self.free = seats
        self.sold_to = []
        self._bank = bank

    async def sell(self, customer):
        if self.free == 0:
            return False
        if not await asyncio.to_thread(self._bank.authorise, customer):
            return False
        self.free -= 1
        self.sold_to.append(customer)
        return True


async def ann_and_bob(office):
    ann = asyncio.create_task(office.sell("ann"))
    await asyncio.sleep(0.1)  # bob comes later
    bob = asyncio.create_task(office.sell("bob"))
    return await asyncio.gather(ann, bob)


def test_the_last_seat_is_sold_once_by_a_blocking_bank():
    office = BoxOffice(1, Bank())
    sold = asyncio.run(ann_and_bob(office))
    assert sold.count(True) == 1
    assert len(office.sold_to) == 1
