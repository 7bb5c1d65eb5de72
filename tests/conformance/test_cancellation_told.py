"""What a cancelled task has kept is named by the report, also where nothing is stuck: others gave up waiting for it."""

from processes import race_in

PROGRAM = """
import asyncio

def test_it():
    async def main():
        permits = asyncio.Semaphore(1)

        async def work():
            await permits.acquire()
            await asyncio.sleep(0.05)
            permits.release()

        task = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(permits.acquire(), 5)

    asyncio.run(main())
"""


def test_a_permit_that_is_waited_for_in_vain(tmp_path):
    (tmp_path / "test_permits.py").write_text(PROGRAM)
    ended, (told,) = race_in(tmp_path)
    (finding,) = told["findings"]
    assert (finding["kind"], finding["pattern"]) == ("failure", "lock leaked by cancellation")
    assert "test_permits.py:9" in finding["where"]
    assert "lock leaked by cancellation: permits" in ended.stdout
