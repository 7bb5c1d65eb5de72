"""Event loops: what may come late comes in every order, and what asyncio guarantees never breaks."""

import asyncio
import contextvars
import sys

import pytest
from exploring import BUDGET, answers, explored, findings
from workers import started, together

import unblink
from unblink.exploration.coroutines import task_name
from unblink.exploration.isolation import in_child

# ---------------------------------------------------------------- what may be late


def test_a_loop_may_be_late_for_its_timers():
    async def main():
        order = []

        async def two_steps():
            await asyncio.sleep(0.01)
            order.append("first")
            await asyncio.sleep(0.01)
            order.append("second")

        async def one_step():
            await asyncio.sleep(0.1)
            order.append("other")

        await asyncio.gather(two_steps(), one_step())
        return tuple(order)

    assert answers(lambda: asyncio.run(main())) == {("first", "second", "other"), ("first", "other", "second")}


def test_timers_keep_their_order_however_late_they_are():
    async def main():
        order = []
        loop = asyncio.get_running_loop()
        for number in (3, 1, 2):
            loop.call_later(number / 10, order.append, number)
        await asyncio.sleep(0.35)
        return tuple(order)

    assert answers(lambda: asyncio.run(main())) == {(1, 2, 3)}


def test_a_loop_is_not_late_beyond_the_budget_of_stalls():
    async def main():
        order = []

        async def step(delay, name):
            await asyncio.sleep(delay)
            await asyncio.sleep(0.01)
            order.append(name)

        await asyncio.gather(step(0.01, "early"), step(5, "late"))
        return tuple(order)

    assert answers(lambda: asyncio.run(main())) == {("early", "late")}


def test_sleep_0_stands_for_input_and_output():
    async def main():
        order = []

        async def step(name):
            await asyncio.sleep(0)
            order.append(name)

        await asyncio.gather(step("a"), step("b"))
        return tuple(order)

    assert answers(lambda: asyncio.run(main())) == {("a", "b"), ("b", "a")}


def test_sleep_0_may_last_longer_than_a_timer():
    async def main():
        done = []

        async def work():
            await asyncio.sleep(0)
            done.append(1)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.2)
        seen = len(done)
        await task
        return seen

    assert answers(lambda: asyncio.run(main())) == {0, 1}


def test_two_connections_answer_in_either_order():
    async def main():
        order = []

        async def serve(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        async def ask(name, address):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(f"{name}\n".encode())
            order.append((await reader.readline()).decode().strip())
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            await asyncio.gather(ask("a", address), ask("b", address))
        return tuple(order)

    assert answers(lambda: asyncio.run(main())) == {("a", "b"), ("b", "a")}


def test_an_answer_may_come_after_the_timeout():
    async def main():
        async def serve(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x\n")
            try:
                return await asyncio.wait_for(reader.readline(), 0.5)
            except TimeoutError:
                return "too late"
            finally:
                writer.close()

    assert answers(lambda: asyncio.run(main())) == {b"x\n", "too late"}


def test_a_call_from_another_thread_comes_at_any_time():
    async def main():
        seen = []
        loop = asyncio.get_running_loop()
        thread = started(lambda: loop.call_soon_threadsafe(seen.append, 1))
        await asyncio.sleep(0.1)
        at_once = len(seen)
        await asyncio.to_thread(thread.join)
        return at_once, len(seen)

    assert answers(lambda: asyncio.run(main())) == {(0, 1), (1, 1)}


def test_a_thread_goes_on_while_the_loop_takes_what_it_gave():
    def body():
        state = []

        async def main():
            future = asyncio.get_running_loop().create_future()
            loop = asyncio.get_running_loop()

            def give():
                loop.call_soon_threadsafe(future.set_result, None)
                state.append("given")

            thread = started(give)
            await future
            seen = tuple(state)
            await asyncio.to_thread(thread.join)
            return seen

        return asyncio.run(main())

    assert answers(body) == {(), ("given",)}


# ---------------------------------------------------------------- what asyncio guarantees


def test_callbacks_run_in_the_order_in_which_they_were_asked_for():
    async def main():
        order = []
        loop = asyncio.get_running_loop()
        for number in range(4):
            loop.call_soon(order.append, number)
        tasks = [asyncio.create_task(one(order, number)) for number in range(4, 7)]
        await asyncio.gather(*tasks)
        return tuple(order)

    async def one(order, number):
        order.append(number)

    result = explored(lambda: asyncio.run(main()))
    assert str(result.verdict) == "sequential"
    assert result.executions == 1


def test_who_waits_for_a_future_goes_on_in_the_order_of_waiting():
    async def main():
        future = asyncio.get_running_loop().create_future()
        order = []

        async def wait(name):
            await future
            order.append(name)

        tasks = [asyncio.create_task(wait(name)) for name in "abc"]
        await asyncio.sleep(0.1)
        future.set_result(None)
        await asyncio.gather(*tasks)
        return "".join(order)

    assert answers(lambda: asyncio.run(main())) == {"abc"}


def test_between_two_awaits_nobody_else_runs():
    async def main():
        total = [0]

        async def add():
            for _ in range(3):
                await asyncio.sleep(0)
                total[0] += 1

        await asyncio.gather(add(), add())
        return total[0]

    assert answers(lambda: asyncio.run(main())) == {6}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11")
def test_what_is_there_before_its_timeout_may_still_be_too_late():
    async def main():
        try:
            async with asyncio.timeout(0.2):
                await asyncio.sleep(0.1)
                await asyncio.sleep(0.05)
                return "done"
        except TimeoutError:
            return "too late"

    assert answers(lambda: asyncio.run(main())) == {"done", "too late"}


def test_contexts_are_as_asyncio_makes_them():
    variable = contextvars.ContextVar("variable", default=0)

    async def main():
        async def inner():
            before = variable.get()
            variable.set(2)
            await asyncio.sleep(0)
            return before, variable.get(), len(contextvars.copy_context())

        variable.set(1)
        found = await asyncio.create_task(inner())
        return found, variable.get()

    assert answers(lambda: asyncio.run(main())) == {((1, 2, 1), 1)}


def test_a_loop_runs_in_its_own_thread_alone():
    async def main():
        seen = []
        thread = started(lambda: seen.append(asyncio._get_running_loop()))
        await asyncio.sleep(0.1)
        thread.join()
        return seen == [None] and asyncio.get_running_loop() is not None

    assert answers(lambda: asyncio.run(main())) == {True}


def test_two_loops_in_two_threads():
    def body():
        order = []

        async def work(name):
            await asyncio.sleep(0)
            order.append(name)

        together(lambda: asyncio.run(work("a")), lambda: asyncio.run(work("b")))
        return "".join(order)

    assert answers(body) == {"ab", "ba"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_begin_where_they_are_made():
    async def main():
        order = []

        async def work(name):
            order.append(name)
            await asyncio.sleep(0)
            order.append(name.upper())

        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        tasks = [asyncio.create_task(work(name)) for name in "ab"]
        await asyncio.gather(*tasks)
        return "".join(order)

    assert answers(lambda: asyncio.run(main())) == {"abAB", "abBA"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_a_task_that_has_ended_where_it_was_made_can_be_told_of():
    async def main():
        async def work():
            return 1

        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return task_name(asyncio.create_task(work()), [])

    assert in_child(lambda: asyncio.run(main())) == "task"


def test_an_instance_of_asyncio_lock_is_held_across_an_await():
    async def main():
        lock, inside, most = asyncio.Lock(), [0], [0]

        async def work():
            async with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                await asyncio.sleep(0)
                inside[0] -= 1

        await asyncio.gather(*(work() for _ in range(3)))
        return most[0]

    assert answers(lambda: asyncio.run(main())) == {1}


# ---------------------------------------------------------------- cancellation


class Pool:
    def __init__(self):
        self.permits = asyncio.Semaphore(1)

    async def work(self):
        await self.permits.acquire()
        await asyncio.sleep(0.01)
        self.permits.release()


class CarefulPool(Pool):
    async def work(self):
        async with self.permits:
            await asyncio.sleep(0.01)


async def work_twice_and_again(pool):
    tasks = [asyncio.create_task(pool.work()) for _ in range(2)]
    await asyncio.gather(*tasks, return_exceptions=True)
    await pool.work()


def test_a_permit_that_a_cancelled_task_keeps():
    def body():
        asyncio.run(work_twice_and_again(Pool()))

    assert str(explored(body).verdict) in ("passed", "sequential")
    (finding,) = explored(body, cancel=True).findings
    assert finding.pattern == "lock leaked by cancellation"
    assert [choice.to for choice in finding.schedule.preemptions] == ["cancelled"]


def test_a_permit_that_is_given_back_whatever_happens():
    result = explored(lambda: asyncio.run(work_twice_and_again(CarefulPool())), cancel=True)
    assert str(result.verdict) == "passed"
    assert result.executions == 400


def test_a_cancellation_that_reaches_who_awaits_is_no_failure():
    async def main():
        await asyncio.create_task(asyncio.sleep(0.1))
        task = asyncio.create_task(nothing())
        await task

    async def nothing():
        await asyncio.sleep(0.1)

    assert explored(lambda: asyncio.run(main()), cancel=True).failure is None


def test_a_cancelled_execution_is_replayed():
    def body():
        asyncio.run(work_twice_and_again(Pool()))

    def work():
        found = unblink.explore(body, budget=BUDGET, cancel=True)
        again = unblink.replay(found.witness, body)
        return str(found.verdict), str(again.verdict), again.failure.pattern

    assert in_child(work) == ("failed", "failed", "lock leaked by cancellation")


def test_a_cancellation_that_is_swallowed():
    async def main():
        stop = asyncio.Event()

        async def deaf():
            while True:
                try:
                    await asyncio.sleep(0.1)
                except BaseException:
                    await stop.wait()

        task = asyncio.create_task(deaf())
        await asyncio.sleep(0.15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert [found[1] for found in findings(lambda: asyncio.run(main()))] == ["swallowed cancellation"]


# ---------------------------------------------------------------- what is lost


async def fails():
    raise ValueError("gone")


def test_an_exception_that_nobody_retrieves_is_told_and_fails_nothing_if_it_is_always_lost():
    async def main():
        task = asyncio.create_task(fails())
        await asyncio.sleep(0.1)
        del task

    result = explored(lambda: asyncio.run(main()))
    assert str(result.verdict) == "noted"
    assert [str(finding.kind) for finding in result.findings] == ["lost-exception"]


def test_an_exception_that_is_lost_in_some_orders_fails():
    async def main():
        ready = []

        async def late():
            await asyncio.sleep(0.1)
            if not ready:
                raise ValueError("too early")

        task = asyncio.create_task(late())
        await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        ready.append(1)
        await asyncio.sleep(0.2)
        del task

    assert [found[0] for found in findings(lambda: asyncio.run(main()))] == ["lost-exception"]


@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_coroutine_that_nobody_awaits_is_told():
    async def main():
        fails()
        await asyncio.gather(asyncio.sleep(0.1), asyncio.sleep(0.2))

    result = explored(lambda: asyncio.run(main()))
    assert str(result.verdict) == "noted"
    assert [str(finding.kind) for finding in result.findings] == ["never-awaited"]
