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


HARMLESS = """
import asyncio
import threading

def test_it():
    async def main():
        done = asyncio.get_running_loop().create_future()
        thread = threading.Thread(target=lambda: SET)
        thread.start()
        for _ in range(20):
            await asyncio.sleep(0.1)
        assert await done == 1
        thread.join()

    asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("sets", "told"),
    [("done.set_result(1)", ["loop-touched"]), ("done.get_loop().call_soon_threadsafe(done.set_result, 1)", [])],
)
def test_a_touch_that_fails_nothing_is_a_note_and_call_soon_threadsafe_is_none(tmp_path, sets, told):
    (tmp_path / "test_touched.py").write_text(HARMLESS.replace("SET", sets))
    ended, (test,) = race_in(tmp_path, "--race-budget=60x")
    assert [finding["kind"] for finding in test["findings"]] == told, ended.stdout
    assert test["verdict"] == ("noted" if told else "passed")
