"""asyncio tasks that nothing ends: they hang asyncio.run in life, and are a finding here, told within the budget."""

import pytest
from processes import race_in

HEAD = "import asyncio\n\n\ndef test_it():\n    async def main():\n"
TAIL = """
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0.05)
        assert task.done()

    asyncio.run(main())
"""
SLEEPS = """
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(0.01)
                except BaseException:
                    continue
"""
WAITS = """
        async def stubborn():
            queue = asyncio.Queue()
            while True:
                try:
                    await queue.get()
                except BaseException:
                    continue
"""


@pytest.mark.parametrize(("stubborn", "kind"), [(SLEEPS, "livelock"), (WAITS, "deadlock")])
def test_a_task_that_swallows_whatever_would_end_it_is_named(tmp_path, stubborn, kind):
    (tmp_path / "test_stubborn.py").write_text(HEAD + stubborn + TAIL)
    ended, (told,) = race_in(tmp_path, timeout=90)
    assert ended.returncode == 1
    assert [(one["kind"], one["pattern"]) for one in told["findings"]] == [(kind, "swallowed cancellation")]
    assert "test_stubborn.py:1" in told["findings"][0]["where"], told["findings"][0]["where"]
