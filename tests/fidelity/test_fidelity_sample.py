"""A sample of CPython's own tests; `python -m tests.fidelity.run` runs all of them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from processes import importing_as_here

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("test.test_sched") is None, reason="this Python was installed without its tests"
)


def fidelity(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = importing_as_here(ROOT)
    command = [sys.executable, "-m", "tests.fidelity.run", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_some_of_cpython_s_own_tests_pass_as_controlled_executions(seed: str) -> None:
    done = fidelity("test_sched", "test_threading_local", "--seed", seed)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cpython_s_own_lock_tests_pass_as_controlled_executions() -> None:
    done = fidelity("test_threading", "--only", "LockTests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 100.0%" in done.stdout


def test_cpython_s_own_tests_of_event_loops_and_servers_pass_as_controlled_executions() -> None:
    done = fidelity("test_asyncio.test_locks", "test_asyncio.test_queues", "test_httpservers")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_test_that_fails_is_told_and_counted(tmp_path: Path) -> None:
    done = fidelity("test_threading", "--only", "test_can_interrupt_tight_loops", "--limit", "3", "--verbose")
    assert "test_can_interrupt_tight_loops (seed 0): hung" in done.stdout
    assert "    0.0% " in done.stdout
