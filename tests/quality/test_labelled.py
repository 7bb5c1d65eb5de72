"""Each test of tests/labelled: of what races a race is told, at a line that races; of what does not, nothing is told.

The tests are copied into a project of their own, which one `pytest --race` explores. `UNBLINK_LABELLED_TIMES` says how
often the whole suite is run in one process, round by round: addresses, sites and what was learned pile up there.
"""

import ast
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import race_in

ROOT = Path(__file__).resolve().parents[2]
LABELLED = ROOT / "tests" / "labelled"
SOURCES = Path(os.environ.get("UNBLINK_SOURCES") or ROOT / "src")  # used if it was built in place
LOADED = ("-p", "no:unblink", "-p", "unblink_pytest")  # also where a distribution of unblink is installed
BUDGET = "60x"
TIMES = int(os.environ.get("UNBLINK_LABELLED_TIMES", "3"))
RACES = {"race", "atomicity-violation"}
EXPLORED = {"passed", "complete", "noted", "failed"}
MARK = "# racy"

CONFTEST = '''
"""Runs every test in `ROUNDS` rounds, one after the other, and writes down how each test ended."""

import json
import os

import pytest

ROUNDS = int(os.environ["ROUNDS"])
OUTCOMES = {}


@pytest.fixture
def labelled_round(request):
    return request.param


def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("labelled_round")
    metafunc.parametrize("labelled_round", range(ROUNDS), indirect=True, ids=lambda number: f"round{number}")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.callspec.params["labelled_round"])


def pytest_runtest_logreport(report):
    if report.outcome != "passed" or report.when == "call":
        OUTCOMES.setdefault(report.nodeid, report.outcome)


def pytest_sessionfinish(session):
    (session.config.rootpath / "outcomes.json").write_text(json.dumps(OUTCOMES))
'''


@dataclass(frozen=True, slots=True)
class Judged:
    """What was told of one test in one round. `racy` are findings at marked lines, `stray` those elsewhere."""

    test: str
    outcome: str
    verdict: str
    findings: tuple[str, ...]
    racy: int
    stray: int
    failures: int

    @property
    def races(self):
        """Whether its label says that it races."""
        return self.test.partition("::")[2].startswith("test_race_")

    @property
    def is_told(self):
        """Whether a race was told where there is one; a failure of the test would tell of it as well."""
        return self.racy + self.failures > 0

    def __str__(self):
        told = "; ".join(self.findings) or "nothing"
        return f"{self.test}: {self.verdict}, {self.outcome}; told: {told}"


class Project:
    """A copy of the labelled tests, with the results of one run."""

    def __init__(self, folder, rounds):
        self.folder = folder
        shutil.copytree(LABELLED, folder / "labelled", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
        (folder / "conftest.py").write_text(CONFTEST)
        tests, outcomes = self._explore(rounds)
        self.judged = [self._judge(test, outcomes.get(test["test"], "not run")) for test in tests]

    def _explore(self, rounds):
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        if any((SOURCES / "unblink").glob("_native*.so")):
            own["PYTHONPATH"] = str(SOURCES)
        ended, tests = race_in(
            self.folder, "-q", *LOADED, f"--race-budget={BUDGET}",
            environment=own | {"ROUNDS": str(rounds)}, timeout=120 + 120 * rounds,
        )  # fmt: skip
        outcomes = self.folder / "outcomes.json"
        if ended.returncode not in (0, 1) or not tests or not outcomes.exists():
            pytest.fail(f"exit status {ended.returncode}\n{ended.stdout[-3000:]}{ended.stderr[-2000:]}", pytrace=False)
        return tests, json.loads(outcomes.read_text())

    def _judge(self, test, outcome):
        findings = test["findings"]
        races = [finding for finding in findings if finding["kind"] in RACES]
        racy = sum(self.is_marked(finding["where"]) for finding in races)
        return Judged(
            test["test"], outcome, test["verdict"],
            tuple(f"{finding['kind']} ({finding['pattern']}) at {finding['where']}" for finding in findings),
            racy, len(races) - racy, sum(finding["kind"] == "failure" for finding in findings),
        )  # fmt: skip

    def is_marked(self, where):
        """Whether the line `FILE:LINE` ends with the mark."""
        file, _, number = (where or "").rpartition(":")
        lines = (self.folder / file).read_text().splitlines() if file else []
        return file != "" and lines[int(number) - 1].endswith(MARK)

    def wrong(self, what, select):
        """Return a listing of the tests that are wrong in that way, or nothing."""
        every = [one for one in self.judged if select(one)]
        rounds = Counter(one.test.rpartition("[")[0] for one in every)
        lines = [f"  {one}" for one in every[:500]]
        names = f"{len(rounds)} tests" if len(rounds) == len(every) else f"{len(rounds)} tests, {len(every)} times"
        return "\n".join([f"{what}: {names}", *lines, ""]) if every else ""

    def listing(self):
        """Return what is wrong in any way."""
        return "".join([
            self.wrong("a race that was not told", lambda one: one.races and not one.is_told),
            self.wrong("told of what does not race", lambda one: not one.races and one.findings),
            self.wrong("told at a line that does not race", lambda one: one.races and one.stray),
            self.wrong("not explored", lambda one: one.verdict not in EXPLORED),
            self.wrong("did not pass", lambda one: one.outcome != "passed" and not (one.races and one.is_told)),
        ])  # fmt: skip


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("once"), 1)


def expect_nothing(listing):
    if listing:
        pytest.fail(listing, pytrace=False)


def functions():
    """Yield every test function of the suite, with the lines of its file."""
    for path in sorted(LABELLED.glob("test_*.py")):
        text = path.read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                yield node, text.splitlines()


def test_every_labelled_test_has_a_label_a_reason_and_marks():
    found = [(node.name, ast.get_docstring(node)) for node, _ in functions()]
    racing = [name for name, _ in found if name.startswith("test_race_")]
    ordered = [name for name, _ in found if name.startswith("test_no_race_")]
    assert len(racing) + len(ordered) == len(found) >= 130
    assert 0.8 < len(racing) / len(ordered) < 1.25
    assert [name for name, reason in found if not reason or "\n" in reason] == []
    assert all(any(line.endswith(MARK) for line in lines) for _, lines in functions())


def test_every_labelled_test_was_explored_and_none_fails(once):
    assert len({one.test for one in once.judged}) == len(once.judged) >= 130
    expect_nothing(once.wrong("not explored", lambda one: one.verdict not in EXPLORED))
    expect_nothing(once.wrong("did not pass", lambda one: one.outcome != "passed" and not (one.races and one.is_told)))


def test_nothing_is_told_of_tests_that_do_not_race(once):
    expect_nothing(once.wrong("told of what does not race", lambda one: not one.races and one.findings))


def test_a_race_is_told_of_each_test_that_races(once):
    expect_nothing(once.wrong("a race that was not told", lambda one: one.races and not one.is_told))


def test_no_race_is_told_at_a_line_that_does_not_race(once):
    expect_nothing(once.wrong("told at a line that does not race", lambda one: one.races and one.stray))


@pytest.mark.skipif(TIMES < 1, reason="UNBLINK_LABELLED_TIMES=0")
def test_all_labels_hold_round_after_round_in_one_process(tmp_path):
    project = Project(tmp_path, TIMES)
    assert len({one.test for one in project.judged}) == len(project.judged)
    expect_nothing(project.listing())
