"""Threads that reach into the loop of another one without waking it: a hang that the report names, with who did it."""

import pytest
from processes import race_in

PROGRAM = """
import asyncio
import threading

def test_it():
    async def main():
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        future = loop.create_future()

        async def finish():
            done.set()

        def reach():
            REACHED

        threading.Thread(target=reach).start()
        await AWAITED

    asyncio.run(main())
"""
REACHES = {
    "call_soon": ("loop.call_soon(done.set)", "done.wait()", "the queue of the loop"),
    "call_later": ("loop.call_later(0.1, done.set)", "done.wait()", "the queue of the loop"),
    "create_task": ("loop.create_task(finish())", "done.wait()", "the queue of the loop"),
    "set_result": ("future.set_result(1)", "future", "a future of the loop"),
}


def written(folder, reached, awaited):
    (folder / "test_touched.py").write_text(PROGRAM.replace("REACHED", reached).replace("AWAITED", awaited))


@pytest.mark.parametrize(("reached", "awaited", "what"), REACHES.values(), ids=REACHES)
def test_who_touches_a_loop_is_named(tmp_path, reached, awaited, what):
    written(tmp_path, reached, awaited)
    ended, (told,) = race_in(tmp_path)
    assert [(one["kind"], one["pattern"]) for one in told["findings"]] == [
        ("deadlock", "loop touched from another thread")
    ]
    assert "test_touched.py:15" in told["findings"][0]["where"]
    assert f"loop touched from another thread: {what}" in ended.stdout


@pytest.mark.parametrize(
    "reached",
    [
        "loop.call_soon_threadsafe(done.set)",
        "loop.call_soon_threadsafe(loop.call_later, 0.1, done.set)",
        "asyncio.run_coroutine_threadsafe(finish(), loop)",
    ],
)
def test_who_wakes_it_is_not(tmp_path, reached):
    written(tmp_path, reached, "done.wait()")
    ended, (told,) = race_in(tmp_path)
    assert (ended.returncode, told["findings"]) == (0, [])
