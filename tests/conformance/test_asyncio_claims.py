"""What is claimed of asyncio programs: no failure that cannot be, and no proof of what was not explored."""

import asyncio
import os
import selectors
import socket
import socketserver
import subprocess

import pytest
from exploring import answers, explore

from unblink.exploration.isolation import in_child

LOCK = asyncio.Lock()
QUEUE = asyncio.Queue()


def test_a_lock_of_the_module_belongs_to_the_loop_of_each_execution():
    async def use(delay):
        await asyncio.sleep(delay)
        async with LOCK:
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(use(0.1), use(0.5))

    def explored():
        result = explore(lambda: asyncio.run(main()), budget="300x")
        return result.failure, result.executions, LOCK._loop

    assert in_child(explored) == (None, 300, None)


def test_a_queue_of_the_module_belongs_to_the_loop_of_each_execution():
    async def main():
        getter = asyncio.create_task(QUEUE.get())
        await asyncio.sleep(0.1)
        await QUEUE.put(5)
        assert await getter == 5

    result = in_child(lambda: explore(lambda: asyncio.run(main()), budget="50x"))
    assert result.failure is None


def test_a_lock_that_is_used_in_two_loops_fails_as_in_life():
    async def contend(lock):
        async def use():
            async with lock:
                await asyncio.sleep(0)

        await asyncio.gather(use(), use())

    def body():
        lock = asyncio.Lock()
        asyncio.run(contend(lock))
        with pytest.raises(RuntimeError, match="is bound to a different event loop"):
            asyncio.run(contend(lock))
        return "refused"

    assert answers(body) == {"refused"}


def pair():
    a, b = socket.socketpair()
    b.setblocking(False)
    return lambda: a.send(b"x"), b, lambda: b.recv(1), lambda: (a.close(), b.close())


def pipe():
    r, w = os.pipe()
    return lambda: os.write(w, b"x"), r, lambda: os.read(r, 1), lambda: (os.close(r), os.close(w))


@pytest.mark.parametrize("ends", [pair, pipe])
def test_what_lies_in_a_pair_of_this_process_is_there_at_once(ends):
    async def main():
        loop, log = asyncio.get_running_loop(), []
        write, end, read, close = ends()
        loop.add_reader(end, lambda: log.append(read()))
        write()
        await asyncio.sleep(0.1)
        loop.remove_reader(end)
        close()
        return tuple(log)

    assert answers(lambda: asyncio.run(main())) == {(b"x",)}


def test_what_comes_over_a_network_may_come_late():
    async def main():
        got = []

        async def serve(reader, writer):
            got.append(await reader.read(1))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            await asyncio.sleep(0.1)
            seen = tuple(got)
            writer.close()
            await writer.wait_closed()
        return seen

    assert answers(lambda: asyncio.run(main())) == {(), (b"x",)}


async def two_steps():
    done = []

    async def step(name):
        await asyncio.sleep(0)
        done.append(name)

    await asyncio.gather(asyncio.create_task(step(1)), asyncio.create_task(step(2)))
    assert len(done) == 2


def by_python_tasks():
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coroutine, **names: asyncio.tasks._PyTask(coroutine, loop=loop, **names))
        await two_steps()

    asyncio.run(main())


def by_another_selector():
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        loop.run_until_complete(two_steps())
    finally:
        loop.close()


@pytest.mark.parametrize("body", [by_python_tasks, by_another_selector])
def test_loops_and_tasks_that_are_not_known_are_named(body):
    result = in_child(lambda: explore(body, budget="100x"))
    assert not result.complete
    assert "[uncontrolled-event-loop]" in " ".join(result.uncontrolled)


def by_a_selector_of_its_own():
    mine, other = socket.socketpair()
    with mine, other, selectors.DefaultSelector() as selector:
        selector.register(mine, selectors.EVENT_READ)
        other.send(b"x")
        selector.select(timeout=1)


def by_a_child_s_answer():
    subprocess.run(["cat"], input=b"x", capture_output=True, timeout=10, check=True)


def by_a_server_s_loop():
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        server.timeout = 0.1
        server.handle_request()


def by_the_library_s_old_loop():
    try:
        import asyncore
    except ImportError:  # from 3.12 on
        return by_a_selector_of_its_own()
    mine, other = socket.socketpair()
    with other:
        dispatcher = asyncore.dispatcher(mine, {})
        other.send(b"x")
        asyncore.loop(timeout=0.1, count=1, map={mine.fileno(): dispatcher})
        dispatcher.close()


@pytest.mark.filterwarnings("ignore:The asyncore module:DeprecationWarning")
@pytest.mark.parametrize(
    ("body", "is_loop"),
    [
        (by_a_selector_of_its_own, True),
        (by_the_library_s_old_loop, True),
        (by_a_child_s_answer, False),
        (by_a_server_s_loop, False),
    ],
)
def test_what_waits_by_a_selector_alone_is_a_loop_unless_the_library_waits(body, is_loop):
    result = in_child(lambda: explore(body, budget="10x"))
    assert ("[uncontrolled-event-loop]" in " ".join(result.uncontrolled)) == is_loop
