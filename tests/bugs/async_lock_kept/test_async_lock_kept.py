"""A printer that must warm up; who waits for it too long gives up."""

import asyncio


class Device:
    def __init__(self):
        self.pages = []

    def warm_up(self):
        return "warm"

    def feed(self, page):
        self.pages.append(page)


class Printer:
    def __init__(self, device):
        self._device = device
        self._lock = asyncio.Lock()

    async def print(self, page):
        await self._lock.acquire()
        await asyncio.to_thread(self._device.warm_up)
        try:
            await asyncio.to_thread(self._device.feed, page)
        finally:
            self._lock.release()


async def print_two(printer):
    try:
        await asyncio.wait_for(printer.print("invoice"), timeout=0.5)
    except TimeoutError:
        pass  # it is sent by mail instead
    await printer.print("receipt")


def test_a_receipt_is_printed_whatever_became_of_the_invoice():
    device = Device()
    asyncio.run(print_two(Printer(device)))
    assert "receipt" in device.pages
