"""A crawler with one permit; a page that takes too long is left out."""

import asyncio


async def serve(reader, writer):
    page = await reader.readline()
    writer.write(b"this is " + page)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


class Crawler:
    def __init__(self, address):
        self._address = address
        self._permits = asyncio.Semaphore(1)

    async def fetch(self, page):
        await self._permits.acquire()
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(f"{page}\n".encode())
            return await reader.readline()
        finally:
            writer.close()
            await writer.wait_closed()
            self._permits.release()


async def crawl(pages):
    found = []
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as site:
        crawler = Crawler(site.sockets[0].getsockname())
        for page in pages:
            try:
                async with asyncio.timeout(0.5):
                    found.append(await crawler.fetch(page))
            except TimeoutError:
                continue
        found.append(await crawler.fetch("imprint"))
    return found


def test_the_imprint_is_always_fetched():
    assert asyncio.run(crawl(["home"]))[-1] == b"this is imprint\n"
