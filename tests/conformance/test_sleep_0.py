"""`sleep(0)`: it lets other tasks begin where the test itself awaits it, and stands for input or output elsewhere."""

import asyncio

from exploring import answers, explore

from unblink.exploration.isolation import in_child


def test_a_test_lets_its_tasks_begin_by_sleep_0_and_no_timer_comes_first():
    def body():
        beats = []

        async def beat():
            while True:
                await asyncio.sleep(0.5)
                beats.append(1)

        async def main():
            task = asyncio.create_task(beat())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(main())
        return len(beats)

    assert answers(body) == {0}


def test_a_failure_that_needs_a_late_sleep_0_says_so():
    def body():
        order = []

        async def player(name):
            for _ in range(2):
                order.append(name)
                await asyncio.sleep(0)

        async def main():
            await asyncio.gather(player("a"), player("b"))

        asyncio.run(main())
        assert order == ["a", "b", "a", "b"]

    report = " ".join(in_child(lambda: explore(body).report()).split())
    assert "assumes: await asyncio.sleep(0)" in report
    assert "takes more than one turn of the loop" in report
