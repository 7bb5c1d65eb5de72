"""pytest's plugins and the libraries that replace clocks work beside --race, as they do without it."""

import os
import textwrap

import pytest
from processes import pytest_in, race_in

START = """
    import asyncio, datetime, threading, time
    import pytest

    PAST = datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone.utc)

    def in_a_thread(function):
        results = []
        thread = threading.Thread(target=lambda: results.append(function()))
        thread.start()
        thread.join()
        return results[0]

    class Counter:
        value = 0

        def bump(self):
            value = self.value
            self.value = value + 1

    def together(function, number=2):
        threads = [threading.Thread(target=function) for _ in range(number)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
"""

TIME_MACHINE = """
    import time_machine

    @time_machine.travel(PAST, tick=False)
    def test_frozen():
        assert time.time() == in_a_thread(time.time) == PAST.timestamp()
        assert in_a_thread(lambda: datetime.datetime.now(datetime.timezone.utc)) == PAST
        assert in_a_thread(lambda: time.strftime("%Y")) == "2001" and time.gmtime().tm_year == 2001
        began = time.monotonic()
        time.sleep(5)
        assert 5 <= time.monotonic() - began < 5.1 and time.time() == PAST.timestamp()

    @time_machine.travel(PAST, tick=True)
    def test_ticking():
        began = time.time()
        assert PAST.timestamp() <= began < PAST.timestamp() + 5
        in_a_thread(lambda: time.sleep(30))
        assert 30 <= time.time() - began < 35

    STARTS = []

    def test_the_virtual_clock_goes_on_afterwards():
        began = time.time()
        STARTS.append(began)
        assert len(set(STARTS)) == 1  # of all executions
        with time_machine.travel(PAST, tick=False) as traveller:
            traveller.shift(100)
            assert in_a_thread(time.time) == PAST.timestamp() + 100
        time.sleep(10)
        assert 10 <= time.time() - began < 10.1

    def test_in_asyncio():
        async def main():
            began = asyncio.get_running_loop().time()
            with time_machine.travel(PAST, tick=False):
                await asyncio.sleep(5)
                assert time.time() == await asyncio.to_thread(time.time) == PAST.timestamp()
            assert 5 <= asyncio.get_running_loop().time() - began < 5.1
        asyncio.run(main())

    def test_with_a_bug():
        class Cache:
            filled, fills = None, 0
            def get(self):
                if self.filled is None or time.time() - self.filled > 10:
                    self.fills += 1
                    self.filled = time.time()
        with time_machine.travel(PAST, tick=False) as traveller:
            cache = Cache()
            cache.get()
            traveller.shift(11)
            together(cache.get)
            assert cache.fills == 2
"""

FREEZEGUN = """
    from freezegun import freeze_time

    @pytest.fixture(scope="module", autouse=True)
    def frozen():
        with freeze_time("2001-02-03") as clock:
            yield clock

    def test_frozen_for_the_whole_module():
        counter, lock = Counter(), threading.Lock()
        def work():
            for _ in range(5):
                with lock: counter.bump()
        together(work, 3)
        assert counter.value == 15 and time.time() == PAST.timestamp()
        assert in_a_thread(lambda: datetime.datetime.now(datetime.timezone.utc)) == PAST

    def test_moved(frozen):
        with freeze_time("2002-02-03") as clock:
            assert in_a_thread(lambda: datetime.datetime.now().year) == 2002
            clock.tick(86400 * 365)
            assert in_a_thread(lambda: datetime.datetime.now().year) == 2003

    def test_timeouts_pass_all_the_same():
        done = threading.Event()
        threading.Timer(3, done.set).start()
        assert done.wait(60)

    def test_with_a_bug():
        counter = Counter()
        together(counter.bump)
        assert counter.value == 2
"""

TIMEOUT = """
    def test_whose_exploration_takes_longer():
        counter, lock = Counter(), threading.Lock()
        def work():
            for _ in range(10):
                with lock: counter.bump()
        together(work, 4)
        assert counter.value == 40

    def test_that_sleeps_30_virtual_seconds():
        in_a_thread(lambda: time.sleep(30))

    def test_that_does_not_end():
        while True:
            pass
"""

COVERED = """
    class Account:
        def __init__(self):
            self.total, self.lock = 0, threading.Lock()

        def add(self, amount):
            with self.lock:
                if amount > 1:
                    self.total += amount
                else:
                    self.total += 1

        def never(self):
            return 1

    def test_threads():
        account = Account()
        threads = [threading.Thread(target=account.add, args=(n,)) for n in (1, 2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert account.total == 3

    def test_asyncio():
        async def main():
            account = Account()
            await asyncio.to_thread(account.add, 5)
            if account.total == 6:
                account.never()
        asyncio.run(main())
"""

HYPOTHESIS = """
    from hypothesis import given, settings, strategies

    @settings(max_examples=5, database=None, deadline=None)
    @given(strategies.lists(strategies.integers(1, 9), min_size=2, max_size=3))
    def test_right(values):
        total, lock = [0], threading.Lock()
        def work():
            with lock: total[0] += 1
        together(work, len(values))
        assert total[0] == len(values)

    @settings(max_examples=5, database=None, deadline=None)
    @given(strategies.lists(strategies.integers(1, 9), min_size=2, max_size=3))
    def test_wrong(values):
        counter = Counter()
        together(counter.bump, len(values))
        assert counter.value == len(values)
"""

ASYNCIO = """
    import pytest_asyncio
    OLD = pytest_asyncio.__version__.startswith("0.23")
    pytestmark = pytest.mark.asyncio(**{"scope" if OLD else "loop_scope": "module"})

    @pytest_asyncio.fixture(scope="module", **({} if OLD else {"loop_scope": "module"}))
    async def worker():
        queue = asyncio.Queue()
        async def work():
            while True:
                function, result = await queue.get()
                result.set_result(function())
        task = asyncio.get_running_loop().create_task(work())
        yield queue
        task.cancel()

    async def test_right(worker):
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(30)
        assert 30 <= asyncio.get_running_loop().time() - began < 31
        result = asyncio.get_running_loop().create_future()
        await worker.put((lambda: 4, result))
        assert await asyncio.wait_for(result, 5) == 4
        lock, counter = threading.Lock(), Counter()
        def work():
            with lock: counter.bump()
        await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(work))
        assert counter.value == 2

    async def test_wrong():
        counter = Counter()
        await asyncio.gather(asyncio.to_thread(counter.bump), asyncio.to_thread(counter.bump))
        assert counter.value == 2
"""

HOOKS = """
    SEEN = []

    def test_it():
        together(lambda: None)
        assert SEEN[-1:] == ["set up"]
"""

CONFTEST = """
    import pytest

    def pytest_runtest_setup(item):
        item.module.SEEN.append("set up")

    def pytest_runtest_teardown(item):
        item.module.SEEN.append("torn down")
"""


def explored(folder, source, *options, race=True, asyncio=False):
    """Run `source` under pytest, with --race or without; return its output, and the summary of each test by its name."""
    (folder / "test_it.py").write_text(textwrap.dedent(START) + textwrap.dedent(source))
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if not asyncio:
        options += ("-p", "no:asyncio")
    if race:
        ended, tests = race_in(folder, *options, environment=variables)
    else:
        ended, tests = pytest_in(folder, *options, environment=variables), []
    return ended.stdout, {test["test"].partition("::")[2]: test["verdict"] for test in tests}


def failed(verdicts):
    return {name for name, verdict in verdicts.items() if verdict == "failed"}


def test_time_machine_moves_the_clocks_and_the_virtual_ones_go_on(tmp_path):
    pytest.importorskip("time_machine", reason="time-machine is not installed")
    output, verdicts = explored(tmp_path, TIME_MACHINE, "--race-budget=100x")
    assert len(verdicts) == 5 and failed(verdicts) == {"test_with_a_bug"}, output


def test_freezegun_freezes_the_program_and_no_budget(tmp_path):
    pytest.importorskip("freezegun", reason="freezegun is not installed")
    output, verdicts = explored(tmp_path, FREEZEGUN, "--race-budget=1s")
    assert len(verdicts) == 4 and failed(verdicts) == {"test_with_a_bug"}, output


def test_a_timeout_is_for_one_execution_in_real_time(tmp_path):
    pytest.importorskip("pytest_timeout", reason="pytest-timeout is not installed")
    output, verdicts = explored(tmp_path, TIMEOUT, "--race-budget=2s", "--timeout=1")
    assert len(verdicts) == 3 and failed(verdicts) == {"test_that_does_not_end"}, output
    assert "Timeout (>1.0s) from pytest-timeout" in output and "[uncontrolled" not in output


def test_the_method_thread_of_pytest_timeout_ends_the_process_for_a_hang_only(tmp_path):
    pytest.importorskip("pytest_timeout", reason="pytest-timeout is not installed")
    options = ("--race-budget=2s", "--timeout=1", "--timeout-method=thread")
    output, verdicts = explored(tmp_path, TIMEOUT, *options, "--deselect=test_it.py::test_that_does_not_end")
    assert len(verdicts) == 2 and not failed(verdicts) and "[uncontrolled" not in output, output
    output, _ = explored(tmp_path, TIMEOUT, *options, "-k", "does_not_end")
    assert "+ Timeout +" in output and "while True" in output


@pytest.mark.parametrize("options", [(), ("--cov-branch",), ("-n", "2")], ids=["lines", "branches", "workers"])
def test_coverage_is_that_of_a_plain_run(tmp_path, options):
    pytest.importorskip("pytest_cov", reason="pytest-cov is not installed")

    def covered(race):
        output, verdicts = explored(
            tmp_path, COVERED, "--cov=.", "--cov-report=term-missing", "--race-budget=50x", *options, race=race
        )
        assert "2 passed" in output and len(verdicts) == 2 * race, output
        return [line for line in output.splitlines() if line.startswith(("test_it.py ", "TOTAL"))]

    assert covered(race=True) == covered(race=False) != []


def test_hypothesis_tests_with_threads_are_explored(tmp_path):
    pytest.importorskip("hypothesis", reason="hypothesis is not installed")
    output, verdicts = explored(tmp_path, HYPOTHESIS, "--race-budget=30x")
    assert len(verdicts) == 2 and failed(verdicts) == {"test_wrong"}, output


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio_runs_its_tests_in_virtual_time_and_keeps_the_loops_of_wide_fixtures(tmp_path, mode):
    pytest.importorskip("pytest_asyncio.plugin", reason="pytest-asyncio is not installed (the extra asyncio)")
    output, verdicts = explored(tmp_path, ASYNCIO, "--race-budget=60x", f"--asyncio-mode={mode}", asyncio=True)
    assert len(verdicts) == 2 and failed(verdicts) == {"test_wrong"}, output


def test_hooks_of_a_conftest_run_in_every_execution(tmp_path):
    (tmp_path / "conftest.py").write_text(textwrap.dedent(CONFTEST))
    output, verdicts = explored(tmp_path, HOOKS, "--race-budget=30x")
    assert verdicts == {"test_it": "complete"}, output
