"""Event loops of asyncio: what no schedule may do to them, and what one must find."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import weakref

import pytest
from exploring import explored, findings
from workers import started

import unblink
from unblink.exploration.isolation import in_child
from unblink.model.finding import Kind


async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


def test_a_server_is_made_here_and_its_loop_run_in_another_thread():
    def body():
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(echo, "127.0.0.1", 0))
        thread = started(loop.run_forever)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.sendall(b"hello\n")
            answer = client.makefile("rb").readline()
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        assert answer == b"hello\n"

    assert findings(body) == []


def test_a_task_is_made_here_and_run_in_another_thread():
    def body():
        loop, lock, log = asyncio.new_event_loop(), threading.Lock(), []

        async def work():
            for _ in range(2):
                await asyncio.sleep(0)
                with lock:
                    log.append("task")

        async def both():
            await asyncio.gather(work(), work())

        thread = threading.Thread(target=loop.run_until_complete, args=(loop.create_task(both()),))
        thread.start()
        with lock:
            log.append("main")
        thread.join()
        loop.close()
        assert sorted(log) == ["main", *["task"] * 4]

    assert findings(body) == []


def test_a_task_that_is_cancelled_in_sleep_0_is_not_late():
    def body():
        async def poll():
            while True:
                await asyncio.sleep(0)

        async def main():
            task = asyncio.create_task(poll())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert task.done()

        asyncio.run(main())

    assert findings(body) == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_an_eager_task_may_be_late_where_its_first_step_ends():
    def body():
        free, sold = [1], []

        async def sell(name):
            if free:
                await asyncio.sleep(0)
                free.clear()
                sold.append(name)

        async def later():
            for _ in range(3):
                await asyncio.sleep(0)
            await sell("bob")

        async def main():
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            ann, bob = asyncio.create_task(sell("ann")), asyncio.create_task(later())
            await ann
            await bob
            assert len(sold) == 1

        asyncio.run(main())

    assert [kind for kind, *_ in findings(body)] == ["failure"]


def test_a_lost_exception_that_a_handler_of_the_program_gets_is_not_told():
    def body():
        async def bad():
            raise ValueError

        async def main():
            seen = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context["exception"]))
            task = asyncio.create_task(bad())
            await asyncio.sleep(0.01)
            del task
            await asyncio.sleep(0)
            assert len(seen) == 1

        asyncio.run(main())

    assert explored(body, budget="50x").findings == ()


def an_exception_is_lost():
    async def main():
        closed = []

        async def save():
            await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
            if closed:
                raise RuntimeError("closed")

        asyncio.get_running_loop().create_task(save())
        await asyncio.sleep(0.5)
        closed.append(True)
        await asyncio.sleep(0.5)

    asyncio.run(main())


def a_coroutine_is_never_awaited():
    async def main():
        async def write():
            pass

        write()
        await asyncio.gather(asyncio.sleep(0.1), asyncio.sleep(0.2))

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize(
    ("body", "kind"),
    [(an_exception_is_lost, Kind.LOST_EXCEPTION), (a_coroutine_is_never_awaited, Kind.NEVER_AWAITED)],
)
def test_what_asyncio_loses_is_shown_again_by_its_witness(body, kind, tmp_path):
    def work():
        found = unblink.explore(body, budget="200x", witnesses=tmp_path).findings
        (witness,) = tmp_path.glob("*.json")
        return [finding.kind for finding in (*found, *unblink.replay(witness, body).findings)]

    assert in_child(work) == [kind, kind]


def test_a_closed_loop_goes_when_the_program_lets_it_go(alike):
    def body():
        async def main():
            await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.01))
            return weakref.ref(asyncio.get_running_loop())

        loops = [asyncio.run(main()) for _ in range(3)]
        gc.collect()
        return [loop() is None for loop in loops]

    assert alike(body) == ("value", [True] * 3)


def test_a_signal_reaches_a_loop_that_watches_nothing_else(alike):
    async def main():
        loop, heard = asyncio.get_running_loop(), []
        loop.add_signal_handler(signal.SIGUSR1, heard.append, "signal")
        os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(3):
            await asyncio.sleep(0)
        loop.remove_signal_handler(signal.SIGUSR1)
        return heard

    assert alike(lambda: asyncio.run(main())) == ("value", ["signal"])
