"""What a failure says of a cancellation, and what it does not."""

import asyncio

import pytest

from unblink.detect.judge import from_exception, tells_of_cancellation


def raised(body):
    with pytest.raises(BaseException) as told:
        asyncio.run(body())
    return from_exception(told.value)


def test_a_cancelled_task_that_is_awaited_tells_of_its_cancellation():
    async def body():
        task = asyncio.create_task(asyncio.sleep(1))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            raise ValueError from None

    assert tells_of_cancellation(raised(body))


def test_a_timeout_does_not_though_it_ends_in_one():
    async def body():
        await asyncio.wait_for(asyncio.sleep(1), 0.001)

    assert not tells_of_cancellation(raised(body))
