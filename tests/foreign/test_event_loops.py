"""An event loop that waits in C is refused by name, and its test runs as without --race; others are controlled."""

import os
import textwrap

import pytest
from processes import race_in

import unblink
from unblink.exploration.isolation import in_child

UVLOOP = """
    import asyncio, threading, time, uvloop

    def test_run():
        async def main():
            return await asyncio.to_thread(lambda: 5)
        assert uvloop.run(main()) == 5

    def test_policy():
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        try:
            assert asyncio.run(asyncio.sleep(0.01, 5)) == 5
        finally:
            asyncio.set_event_loop_policy(None)

    def test_in_a_thread():
        results = []
        thread = threading.Thread(target=lambda: results.append(uvloop.run(asyncio.sleep(0.01, 5))))
        thread.start()
        thread.join()
        assert results == [5]

    def test_that_fails():
        assert uvloop.run(asyncio.sleep(0.01, 5)) == 6
"""

IMPORTED_LATE = """
    def test_that_imports_it_itself():
        import asyncio, uvloop
        assert uvloop.run(asyncio.sleep(0.01, 5)) == 5
"""

MIXED = """
    import asyncio, functools, threading, time

    class Foreign(asyncio.AbstractEventLoop):
        run_forever = functools.partial(print)

    def test_foreign():
        asyncio._set_running_loop(Foreign())
        asyncio._set_running_loop(None)

    class StandIn:
        pass

    def test_stand_in():
        asyncio._set_running_loop(StandIn())
        asyncio._set_running_loop(None)

    def test_asyncio_goes_on_as_ever():
        began = time.monotonic()
        asyncio.run(asyncio.sleep(5))
        assert 5 <= time.monotonic() - began < 5.1
"""

TRIO = """
    import threading, time, trio

    def test_timers():
        async def main():
            began = trio.current_time()
            await trio.sleep(30)
            return trio.current_time() - began
        assert 30 <= trio.run(main) < 30.1

    class Counter:
        value = 0

        def bump(self):
            value = self.value
            self.value = value + 1

    def test_threads():
        async def main():
            counter = Counter()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, counter.bump)
                nursery.start_soon(trio.to_thread.run_sync, counter.bump)
            assert counter.value == 2
        trio.run(main)

    def test_in_a_thread():
        results = []
        thread = threading.Thread(target=lambda: results.append(trio.run(trio.sleep, 1)))
        thread.start()
        thread.join()
        assert results == [None]
"""


def explored(folder, source, *options):
    """Run `source` under --race; return pytest's output, and the summary of each test by its name."""
    (folder / "test_it.py").write_text(textwrap.dedent(source))
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
    ended, tests = race_in(folder, "-p", "no:asyncio", *options, environment=variables)
    return ended.stdout, {test["test"].partition("::")[2]: test for test in tests}


def test_uvloop_is_refused_and_its_tests_run_as_without_race(tmp_path):
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    output, tests = explored(tmp_path, UVLOOP)
    assert "3 passed" in output and "1 failed" in output and "warning" not in output
    assert "During handling of the above exception" not in output
    assert {test["verdict"] for test in tests.values()} == {"uncontrolled"}
    assert all(
        "uvloop.Loop" in test["uncontrolled"][0] and "[unknown-event-loop]" in test["uncontrolled"][0]
        for test in tests.values()
    )
    assert "next: use asyncio's own event loop under --race" in output


def test_uvloop_is_refused_where_the_test_itself_imports_it(tmp_path):
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    output, tests = explored(tmp_path, IMPORTED_LATE)
    assert "1 passed" in output
    assert tests["test_that_imports_it_itself"]["verdict"] == "uncontrolled"


def test_a_loop_whose_run_forever_is_no_python_is_refused_and_a_stand_in_is_not(tmp_path):
    output, tests = explored(tmp_path, MIXED)
    assert "3 passed" in output
    assert tests["test_foreign"]["verdict"] == "uncontrolled"
    assert "test_it.Foreign (test_it.py:8)" in tests["test_foreign"]["uncontrolled"][0]
    assert tests["test_stand_in"]["verdict"] == tests["test_asyncio_goes_on_as_ever"]["verdict"] == "sequential"


def test_exploring_such_a_body_in_python_raises(tmp_path):
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    import asyncio

    def work():
        os.chdir(tmp_path)
        with pytest.raises(unblink.UncontrolledError, match=r"uvloop\.Loop.*\[unknown-event-loop\]"):
            unblink.explore(lambda: uvloop.run(asyncio.sleep(0)), budget="10x")

    in_child(work)  # the session that it opens goes with the process


def test_trio_runs_in_virtual_time_and_its_threads_are_explored(tmp_path):
    pytest.importorskip("trio", reason="trio is not installed")
    output, tests = explored(tmp_path, TRIO, "--race-budget=200x")
    assert tests["test_timers"]["verdict"] == "sequential"
    assert tests["test_in_a_thread"]["verdict"] in ("passed", "complete"), output
    assert tests["test_threads"]["verdict"] == "failed"
    assert tests["test_threads"]["findings"][0]["pattern"] == "lost update"
