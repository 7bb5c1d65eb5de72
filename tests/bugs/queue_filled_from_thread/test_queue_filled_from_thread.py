"""Log lines that threads write and a coroutine collects."""

import asyncio
import threading


class Log:
    def __init__(self):
        self._lines = asyncio.Queue()

    def write(self, line):
        self._lines.put_nowait(line)

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
