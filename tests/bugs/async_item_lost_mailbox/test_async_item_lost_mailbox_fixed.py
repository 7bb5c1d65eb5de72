"""A mailbox that keeps a letter until it is taken, and only tells who waits for it. The postman is a thread."""

import asyncio
import threading
from collections import deque


class Mailbox:
    def __init__(self):
        self._letters = deque()
        self._arrival = asyncio.Event()

    def deliver(self, letter):
        self._letters.append(letter)
        self._arrival.set()

    def collect(self):
        return self._letters.popleft() if self._letters else None

    async def receive(self):
        while not self._letters:
            self._arrival.clear()
            await self._arrival.wait()
        return self._letters.popleft()


async def read_the_letter():
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    postman = threading.Thread(target=loop.call_soon_threadsafe, args=(mailbox.deliver, "a letter"), name="postman")
    postman.start()
    try:
        return await asyncio.wait_for(mailbox.receive(), timeout=0.2)
    except TimeoutError:
        await asyncio.to_thread(postman.join)
        return mailbox.collect()  # it came too late, but it came


def test_a_letter_is_read_however_late_it_is():
    assert asyncio.run(read_the_letter()) == "a letter"
