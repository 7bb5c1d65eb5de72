"""Programs that come to a stop in their one and only order: the report says who waits for what, and where."""

import pytest
from processes import race_in

EVENT = """
import asyncio

def test_it():
    async def main():
        ready = asyncio.Event()
        await ready.wait()

    asyncio.run(main())
"""
QUEUE = """
import asyncio

async def consume(jobs):
    await jobs.get()

def test_it():
    async def main():
        jobs = asyncio.Queue()
        await asyncio.create_task(consume(jobs), name="reader A")

    asyncio.run(main())
"""
THREAD = """
import threading

def test_it():
    ready = threading.Event()
    ready.wait()
"""
LOCK = """
import threading

def test_it():
    lock = threading.Lock()
    with lock:
        lock.acquire()
"""


@pytest.mark.parametrize(
    ("program", "waits", "line"),
    [
        (EVENT, "waits in wait for ready, which nobody can bring about", 7),
        (QUEUE, "reader A  waits in get for jobs, which nobody can bring about", 10),
        (THREAD, "waits in wait for ready, which nobody can bring about", 6),
        (LOCK, "self-deadlock of lock", 7),
    ],
    ids=["event", "queue", "thread", "lock"],
)
def test_who_waits_for_what_is_told_though_there_is_one_order_only(tmp_path, program, waits, line):
    (tmp_path / "test_stuck.py").write_text(program)
    ended, (told,) = race_in(tmp_path)
    assert ended.returncode == 1
    assert waits in ended.stdout
    assert "deadlock: deadlock" not in ended.stdout
    assert told["findings"][0]["kind"] == "deadlock"
    assert f"test_stuck.py:{line} " in told["findings"][0]["where"] + " "
    again, (replayed,) = race_in(tmp_path, "--race-replay", tmp_path / told["witness"])
    assert (again.returncode, replayed["findings"][0]["kind"]) == (1, "deadlock")
