"""What the library does the first time only, of itself: executions repeat all the same, and need no process each."""

import asyncio
import logging
import threading
import traceback

import pytest
from exploring import explored

LOG = logging.getLogger("tests.of.unblink")


def log():
    LOG.info("nobody hears it")


def format_a_traceback():
    try:
        raise ValueError
    except ValueError:
        traceback.format_exc()


def run_a_loop():
    asyncio.run(asyncio.sleep(0))


@pytest.mark.parametrize("call", [log, format_a_traceback, run_a_loop])
def test_two_threads_that_warm_the_library_are_explored_in_this_process(call):
    def body():
        LOG.manager._clear_cache()
        asyncio.set_event_loop_policy(None) if call is run_a_loop else None
        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    result = explored(body, budget="100x,20s")
    assert result.failure is None
    assert not result.isolated
    assert not result.uncontrolled
