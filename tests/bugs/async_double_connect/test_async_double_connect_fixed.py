"""A client that connects when it is first used: to look for the connection and to make it is one step."""

import asyncio


class Server:
    def __init__(self):
        self.connections = 0

    async def serve(self, reader, writer):
        self.connections += 1
        writer.write(b"welcome\n")
        while await reader.readline():
            pass  # it listens
        writer.close()
        await writer.wait_closed()


class Client:
    def __init__(self, address):
        self._address = address
        self._connection = None
        self._connecting = asyncio.Lock()

    async def _connected(self):
        async with self._connecting:
            if self._connection is None:
                self._connection = await self._connect()
            return self._connection

    async def _connect(self):
        reader, writer = await asyncio.open_connection(*self._address)
        await reader.readline()  # the welcome
        return reader, writer

    async def say(self, words):
        _, writer = await self._connected()
        writer.write(f"{words}\n".encode())

    async def keep_alive(self):
        await asyncio.sleep(0.1)
        await self.say("still here")

    async def close(self):
        _, writer = await self._connected()
        writer.close()
        await writer.wait_closed()


async def a_talk(server):
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        client = Client(listening.sockets[0].getsockname())
        keeper = asyncio.create_task(client.keep_alive())
        await client.say("good morning")
        await keeper
        await client.close()


def test_one_client_is_one_connection():
    server = Server()
    asyncio.run(a_talk(server))
    assert server.connections == 1
