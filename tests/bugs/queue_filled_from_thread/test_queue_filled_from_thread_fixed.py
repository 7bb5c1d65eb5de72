"""Log lines that threads write and a coroutine collects: they are handed over by the loop."""

import asyncio
import threading


class Log:
    def __init__(self):
        self._loop = asyncio.get_running_loop()
        self._lines = asyncio.Queue()

    def write(self, line):
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    async def read(self, count):
        return [await self._lines.get() for _ in range(count)]


async def collect():
    log = Log()
    writers = [threading.Thread(target=log.write, args=(f"started {name}",), name=name) for name in ("web", "mail")]
    for writer in writers:
        writer.start()
    lines = await log.read(2)
    for writer in writers:
        writer.join()
    return lines


def test_every_line_is_collected():
    assert sorted(asyncio.run(collect())) == ["started mail", "started web"]
