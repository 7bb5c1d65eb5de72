"""Each program of tests/bugs/sctbench: its bug is found, as what it is, and its correction is clean.

How many executions it takes, beside what was published for other tools: `python -m benchmarks.sctbench`.
"""

import json
from pathlib import Path

import pytest
from processes import pytest_in, race_in

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "bugs" / "sctbench"
CASES = {
    f"tests/bugs/sctbench/{case['program']}/test_{case['program']}.py::{case['test']}": case
    for case in json.loads((PROGRAMS / "cases.json").read_text())
}
SPINS = "SafeStack"
LATE = {SPINS}  # not within 2000 executions


def explored(folder, budget, *tests):
    _, explored = race_in(ROOT, "-q", f"--race-budget={budget}", *tests, summary=folder / "race.json", timeout=100)
    return {test["test"]: test for test in explored}


def of_both(test):
    return test, test.replace(".py::", "_fixed.py::")


@pytest.fixture(scope="module")
def buggy(tmp_path_factory):
    wanted = [test for test, case in CASES.items() if case["name"] not in LATE]
    return explored(tmp_path_factory.mktemp("buggy"), "2000x", *wanted)


def test_every_test_is_a_case_and_every_case_has_a_correction():
    listed = pytest_in(ROOT, "-q", "--collect-only", PROGRAMS, timeout=60)
    assert listed.returncode == 0, listed.stdout
    collected = {line for line in listed.stdout.splitlines() if "::" in line}
    assert collected == {name for test in CASES for name in of_both(test)}


def test_every_bug_is_found_within_2000_executions(buggy):
    assert len(buggy) == len(CASES) - len(LATE)
    assert {name: test["verdict"] for name, test in buggy.items() if test["verdict"] != "failed"} == {}


def test_every_bug_is_found_as_what_it_is(buggy):
    for name, test in buggy.items():
        kinds = {failure.partition(":")[0] for failure in CASES[name]["failures"]}
        assert kinds <= {finding["kind"] for finding in test["findings"]}, name


def test_every_correction_is_clean_in_200_executions(tmp_path):
    wanted = [of_both(test)[1] for test, case in CASES.items() if case["name"] != SPINS]
    corrected = explored(tmp_path, "200x", *wanted)
    assert len(corrected) == len(wanted)
    clean = ("passed", "complete")
    assert {name: test["verdict"] for name, test in corrected.items() if test["verdict"] not in clean} == {}
    assert all(test["executions"] == 200 or test["complete"] for test in corrected.values())


def test_threads_that_spin_until_another_goes_on_are_no_failure(tmp_path):
    (wanted,) = (of_both(test)[1] for test, case in CASES.items() if case["name"] == SPINS)
    (corrected,) = explored(tmp_path, "20x", wanted).values()
    assert corrected["verdict"] == "passed"
