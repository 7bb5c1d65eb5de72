"""Two feeds, of which a reader takes what comes first; should both have come, it takes both."""

import asyncio


class Reader:
    def __init__(self):
        self.feeds = {"news": asyncio.Queue(), "sport": asyncio.Queue()}
        self.seen = []

    async def read_one(self):
        waits = [asyncio.create_task(feed.get()) for feed in self.feeds.values()]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        self.seen += [wait.result() for wait in waits if wait in done]


async def read_two(reader):
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, reader.feeds["news"].put_nowait, "elections")
    loop.call_later(0.11, reader.feeds["sport"].put_nowait, "football")
    while len(reader.seen) < 2:
        await reader.read_one()


def test_both_feeds_are_read():
    async def reading():
        reader = Reader()
        await read_two(reader)
        return reader.seen

    assert asyncio.run(reading()) == ["elections", "football"]
