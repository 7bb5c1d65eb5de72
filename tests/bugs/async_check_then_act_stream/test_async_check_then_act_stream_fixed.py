"""Seats that are sold online: a seat is taken before the bank is asked, and given back if the bank says no."""

import asyncio


class Bank:
    async def serve(self, reader, writer):
        customer = await reader.readline()
        writer.write(b"authorised " + customer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


class BoxOffice:
    def __init__(self, seats, bank_address):
        self.free = seats
        self.sold_to = []
        self._bank_address = bank_address

    async def sell(self, customer):
        if self.free == 0:
            return False
        self.free -= 1
        if not await self._authorised(customer):
            self.free += 1
            return False
        self.sold_to.append(customer)
        return True

    async def _authorised(self, customer):
        reader, writer = await asyncio.open_connection(*self._bank_address)
        try:
            writer.write(f"{customer}\n".encode())
            answer = await reader.readline()
        finally:
            writer.close()
            await writer.wait_closed()
        return answer.startswith(b"authorised")


async def ann_and_bob():
    bank = await asyncio.start_server(Bank().serve, "127.0.0.1", 0)
    async with bank:
        office = BoxOffice(1, bank.sockets[0].getsockname())
        ann = asyncio.create_task(office.sell("ann"))
        await asyncio.sleep(0.1)  # bob comes later
        bob = asyncio.create_task(office.sell("bob"))
        sold = await asyncio.gather(ann, bob)
    return office, sold


def test_the_last_seat_is_sold_once_over_the_wire():
    office, sold = asyncio.run(ann_and_bob())
    assert sold.count(True) == 1
    assert len(office.sold_to) == 1
