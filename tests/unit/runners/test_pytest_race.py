"""`pytest --race` as a user meets it: each test runs pytest in a process of its own on a small suite."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from processes import pytest_in, race_in

RACY = """
    import threading

    class Counter:
        def __init__(self):
            self.value = 0

        def bump(self):
            self.value += 1

    def test_bump():
        counter = Counter()
        threads = [threading.Thread(target=counter.bump) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counter.value == 2
"""


@pytest.fixture
def suite(tmp_path):
    """Write a suite of one file and run pytest on it; return exit status, output and `--race-json`."""

    def run(source, *arguments, **files):
        (tmp_path / "test_it.py").write_text(textwrap.dedent(source))
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        if "--race" in arguments:
            ended, tests = race_in(tmp_path, *arguments)
        else:
            ended, tests = pytest_in(tmp_path, *arguments), []
        return ended.returncode, ended.stdout + ended.stderr, tests

    return run


def test_a_lost_update_fails_the_run_and_its_witness_fails_again(suite):
    status, output, (test,) = suite(RACY, "--race")
    assert status == 1, output
    assert test["verdict"] == "failed"
    assert test["findings"][0]["pattern"] == "lost update"
    assert "lost update of Counter.value" in output
    status, output, _ = suite(RACY, "test_it.py::test_bump", f"--race-replay={test['witness']}")
    assert status == 1
    assert "lost update of Counter.value" in output


def test_a_suite_without_threads_costs_one_execution_a_test(suite):
    status, _, tests = suite("def test_a(): pass\ndef test_b(): assert 1", "--race")
    assert status == 0
    assert [(t["verdict"], t["executions"]) for t in tests] == [("sequential", 1)] * 2


def test_without_the_flag_the_package_is_not_even_imported(suite):
    status, output, _ = suite("import sys\ndef test_a(): assert 'unblink' not in sys.modules")
    assert status == 0, output


def test_function_fixtures_are_set_up_for_each_execution_and_wider_ones_once(suite):
    source = """
        import threading, pytest
        made = {"module": 0, "function": 0}

        @pytest.fixture(scope="module")
        def wide():
            made["module"] += 1
            yield made["module"]

        @pytest.fixture
        def own(tmp_path):
            made["function"] += 1
            yield []

        def test_it(wide, own):
            assert own == [] and wide == 1
            thread = threading.Thread(target=own.append, args=(1,))
            thread.start()
            thread.join()

        def test_counted():
            assert made["module"] == 1 and made["function"] == 20
    """
    status, output, tests = suite(source, "--race", "--race-budget=20x")
    assert status == 0, output
    assert tests[0]["executions"] == 20


def test_a_class_has_a_fresh_instance_and_its_setup_runs_for_each_execution(suite):
    source = """
        import threading
        class TestIt:
            def setup_method(self):
                assert not hasattr(self, "seen")
                self.seen = []
            def test_it(self):
                thread = threading.Thread(target=self.seen.append, args=(1,))
                thread.start(); thread.join()
                assert self.seen == [1]
    """
    status, output, (test,) = suite(source, "--race", "--race-budget=10x")
    assert status == 0, output
    assert test["executions"] == 10


def test_unittest_cases_are_explored_too(suite):
    source = """
        import threading, unittest
        class Case(unittest.TestCase):
            def setUp(self):
                self.n = 0
            def bump(self):
                n = self.n
                self.n = n + 1
            def test_it(self):
                threads = [threading.Thread(target=self.bump) for _ in range(2)]
                for t in threads: t.start()
                for t in threads: t.join()
                self.assertEqual(self.n, 2)
    """
    status, output, (test,) = suite(source, "--race")
    assert (status, test["verdict"]) == (1, "failed"), output


def test_skipped_and_xfailed_tests_keep_their_outcome(suite):
    source = (
        RACY
        + """
    import pytest
    test_bump = pytest.mark.xfail(strict=False)(test_bump)

    @pytest.mark.skip
    def test_skipped(): assert 0

    def test_skips():
        pytest.skip("now")
"""
    )
    status, output, _ = suite(source, "--race")
    assert status == 0, output
    assert "2 skipped" in output


def test_the_marker_bounds_and_skips(suite):
    source = RACY.replace("def test_bump", "import pytest\n    @pytest.mark.race(skip='known')\n    def test_bump")
    status, output, (test,) = suite(source, "--race")
    assert (status, test["verdict"]) == (0, "skipped"), output
    assert "known" in output
    source = RACY.replace("def test_bump", "import pytest\n    @pytest.mark.race(budget='3x')\n    def test_bump")
    _, _, (test,) = suite(source.replace("assert counter", "counter"), "--race")
    assert test["executions"] == 3


def test_an_exception_that_nobody_saw_is_a_failure(suite):
    source = """
        import threading
        def test_it():
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
    """
    status, output, (test,) = suite(source, "--race")
    assert status == 1
    assert test["findings"][0]["kind"] == "lost-exception"
    assert "ZeroDivisionError" in output


def test_a_first_use_is_explored_in_processes_of_their_own(suite):
    source = """
        import threading
        _made = []
        _instance = None

        def instance():
            global _instance
            if _instance is None:
                _made.append(1)
                _instance = object()
            return _instance

        def test_one():
            got = []
            threads = [threading.Thread(target=lambda: got.append(instance())) for _ in range(2)]
            for t in threads: t.start()
            for t in threads: t.join()
            assert got[0] is got[1]
    """
    status, output, (test,) = suite(source, "--race")
    assert (status, test["verdict"]) == (1, "failed"), output


@pytest.mark.parametrize(
    ("option", "slug"),
    [
        ("--race-budget=many", "bad-budget"),
        ("--race-budget=0x", "bad-budget"),
        ("--race-budget=-1s", "bad-budget"),
        ("--race-seed=pi", "bad-seed"),
        ("--race-stall=never", "bad-stall"),
        ("--race-strategy=magic", "bad-strategy"),
        ("--race-replay=nowhere.json", "witness-missing"),
    ],
)
def test_nonsense_is_a_usage_error_with_its_slug(suite, option, slug):
    status, output, _ = suite(RACY, "--race", option)
    assert status == 4
    assert f"[{slug}]" in output
    assert "Traceback" not in output


def test_a_witness_for_code_that_has_changed_is_told_apart(suite):
    _, _, (test,) = suite(RACY, "--race")
    changed = RACY.replace("self.value += 1", "self.value = self.value.__add__(1)")
    status, output, _ = suite(changed, "test_it.py::test_bump", f"--race-replay={test['witness']}")
    assert status == 1
    assert "[site-gone]" in output


def test_a_witness_of_another_test_is_refused(suite):
    _, _, (test,) = suite(RACY, "--race")
    renamed = RACY.replace("test_bump", "test_other")
    status, output, _ = suite(renamed, f"--race-replay={test['witness']}")
    assert status != 0
    assert "[no-target]" in output


def test_child_processes_are_named(suite):
    source = """
        import subprocess, sys, threading
        def test_it():
            thread = threading.Thread(target=subprocess.run, args=([sys.executable, "-c", "1"],))
            thread.start()
            thread.join()
    """
    status, output, (test,) = suite(source, "--race", "--race-budget=2x")
    assert status == 0
    assert "a child process" in test["uncontrolled"][0]
    assert "a child process" in output


def test_workers_of_xdist_divide_the_tests(suite):
    pytest.importorskip("xdist")
    source = RACY + "\n    def test_plain(): pass\n"
    status, output, tests = suite(source, "--race", "-n2")
    assert status == 1, output
    assert sorted(t["verdict"] for t in tests) == ["failed", "sequential"]


def test_ctrl_c_reports_what_was_found_so_far(tmp_path):
    source = (
        RACY
        + """
    def test_long():
        import time
        lock = threading.Lock()
        def work():
            for _ in range(20):
                with lock:
                    time.sleep(0.01)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
"""
    )
    (tmp_path / "test_it.py").write_text(textwrap.dedent(source))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--race", "--race-budget=60s"]
    process = subprocess.Popen(
        [*command, "--race-json=race.json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that put us in the background has us ignore the signal, and a child would do as we do.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    began = time.time()
    while not list(tmp_path.glob(".unblink/*.json")) and time.time() - began < 60:
        time.sleep(0.05)
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGINT)
    try:
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 2, output
    tests = json.loads((tmp_path / "race.json").read_text())
    assert [t["verdict"] for t in tests] == ["failed", "passed"]
    assert "lost update" in output


BARRIER = """
    import threading, unittest

    class T(unittest.TestCase):
        def test_a(self):
            for i in range(2):
                with self.subTest(i):
                    b = threading.Barrier(3, timeout=10)
                    ts = [threading.Thread(target=b.wait) for _ in range(3)]
                    for t in ts: t.start()
                    for t in ts: t.join(timeout=10)

        def test_b(self):
            pass
"""


def test_what_threads_lose_in_explored_executions_is_no_warning_of_the_next_test(suite):
    status, output, _ = suite(BARRIER, "--race", "-W", "error")
    assert status == 0 and "2 passed" in output, output


def test_what_ends_an_execution_is_no_failure_of_a_subtest(suite):
    source = """
        import threading, unittest

        class T(unittest.TestCase):
            def test_a(self):
                for kind in "ab":
                    with self.subTest(kind):
                        a, b = threading.Lock(), threading.Lock()
                        def take(first, second):
                            with first:
                                with second: pass
                        ts = [threading.Thread(target=take, args=x) for x in ((a, b), (b, a))]
                        for t in ts: t.start()
                        for t in ts: t.join()
    """
    status, output, (test,) = suite(source, "--race")
    assert status == 1 and "ExecutionAborted" not in output, output
    assert test["findings"][0]["pattern"] == "lock-order inversion"


def test_what_explored_executions_print_is_not_shown(suite):
    source = """
        import sys, threading

        def test_it():
            ts = [threading.Thread(target=lambda: print("seen once too often", file=sys.stderr)) for _ in range(2)]
            for t in ts: t.start()
            for t in ts: t.join()
    """
    status, output, (test,) = suite(source, "--race")
    assert status == 0 and test["executions"] > 1
    assert "seen once too often" not in output


def test_with_a_witness_no_other_test_runs(suite):
    _, _, (test,) = suite(RACY, "--race")
    source = RACY + "\n    def test_other():\n        raise SystemExit('ran')\n"
    _, output, _ = suite(source, f"--race-replay={test['witness']}")
    assert "1 deselected" in output and "1 failed" in output, output


def test_durations_are_real(suite):
    source = """
        import threading, time

        def test_it():
            t = threading.Thread(target=time.sleep, args=(100,))
            t.start()
            t.join()
    """
    status, output, _ = suite(source, "--race", "--durations=1", "-vv")
    (seconds,) = re.findall(r"([\d.]+)s call", output)
    assert status == 0 and 0 < float(seconds) < 50


def test_a_body_that_does_not_repeat_itself_ends_the_proof_and_is_told_where(suite):
    source = """
        import itertools, threading
        calls = itertools.count()

        class C:
            v = w = 0

        def test_it():
            c, k = C(), next(calls)
            def work():
                c.v += 1
                if k > 40 and k % 3 == 0: c.w += 1
                c.v += 1
            ts = [threading.Thread(target=work) for _ in range(3)]
            for t in ts: t.start()
            for t in ts: t.join()
    """
    status, output, (test,) = suite(source, "--race")
    assert status == 0 and not test["complete"], output
    assert "did not follow its own schedule (test_it.py:" in output and "not-repeatable" in output


def test_one_execution_is_judged_as_pytest_judges_a_plain_run(suite):
    source = """
        import threading, pytest

        @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
        def test_it():
            def fail():
                raise ValueError("nobody sees it")
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
    """
    status, output, (test,) = suite(source, "--race", "--race-budget=1x")
    assert (status, test["verdict"]) == (0, "noted"), output
    status, output, (test,) = suite(source, "--race")
    assert (status, test["findings"][0]["kind"]) == (1, "lost-exception"), output


def test_lazy_objects_and_modules_of_the_program_are_left_alone(suite):
    lazy = """
        import importlib.util, sys

        spec = importlib.util.find_spec("this")  # prints when it is loaded
        spec.loader = importlib.util.LazyLoader(spec.loader)
        sys.modules["this"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        class Settings:
            @property
            def __class__(self):
                raise RuntimeError("not set up")

        settings = Settings()
    """
    source = """
        import asyncio, lazy as not_looked_at

        del not_looked_at  # pytest looks at what a test module has

        def test_it(): pass
    """
    status, output, _ = suite(source, "--race", "-s", lazy=lazy)
    assert status == 0, output
    assert "Beautiful is better than ugly" not in output
