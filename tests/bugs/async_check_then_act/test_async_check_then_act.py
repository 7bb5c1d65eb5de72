"""Seats that are sold online: the bank takes a while to answer, and so does the printer of receipts."""

import asyncio


class BoxOffice:
    def __init__(self, seats):
        self.free = seats
        self.sold_to = []

    async def sell(self, customer):
        if self.free == 0:
            return False
        await self._authorise(customer)
        await self._print_receipt(customer)
        self.free -= 1
        self.sold_to.append(customer)
        return True

    async def _authorise(self, customer):
        await asyncio.sleep(0.01)  # the bank's answer

    async def _print_receipt(self, customer):
        await asyncio.sleep(0.01)


async def ann_and_bob(office):
    ann = asyncio.create_task(office.sell("ann"))
    await asyncio.sleep(0.1)  # bob comes later
    bob = asyncio.create_task(office.sell("bob"))
    return await asyncio.gather(ann, bob)


def test_the_last_seat_is_sold_once():
    office = BoxOffice(seats=1)
    sold = asyncio.run(ann_and_bob(office))
    assert sold.count(True) == 1
    assert len(office.sold_to) == 1
