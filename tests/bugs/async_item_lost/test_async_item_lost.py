"""A kitchen that takes orders from a queue, writes them down, and looks now and then whether it is to close."""

import asyncio


class Journal:
    def __init__(self):
        self.lines = []

    def write(self, line):
        self.lines.append(line)


class Kitchen:
    def __init__(self, journal):
        self.orders = asyncio.Queue()
        self.closing = False
        self.cooked = []
        self._journal = journal

    async def _next_order(self):
        order = await self.orders.get()
        await asyncio.to_thread(self._journal.write, order)
        return order

    async def cook(self):
        while not self.closing or not self.orders.empty():
            try:
                order = await asyncio.wait_for(self._next_order(), timeout=0.2)
            except TimeoutError:
                continue
            self.cooked.append(order)


async def an_evening(kitchen):
    cook = asyncio.create_task(kitchen.cook())
    for order in ("soup", "fish"):
        await kitchen.orders.put(order)
    kitchen.closing = True
    await cook


def test_everything_that_was_ordered_is_cooked():
    kitchen = Kitchen(Journal())
    asyncio.run(an_evening(kitchen))
    assert kitchen.cooked == ["soup", "fish"]
