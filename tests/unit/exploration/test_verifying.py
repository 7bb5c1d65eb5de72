"""Verifying a fix: what the neighbourhood is, and what a certificate says."""

from __future__ import annotations

import json
import textwrap

import pytest
from processes import pytest_in

from unblink.explain.certificate_text import certificate_lines
from unblink.exploration.replaying import MOST_NEIGHBOURS, neighbours
from unblink.model.certificate import Certificate
from unblink.model.schedule import CLOCK, Preemption, Schedule
from unblink.model.site import SiteName

BROKEN = """
    import threading

    class Counter:
        def __init__(self):
            self.value = 0
            self.lock = threading.Lock()

        def add(self):
            self.value += 1

    def test_sum():
        counter = Counter()
        threads = [threading.Thread(target=counter.add) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert counter.value == 2
"""
FIXED = BROKEN.replace("            self.value += 1", "            with self.lock:\n                self.value += 1")


PATHS = ("main", "main/1", "main/2")


def schedule_of(*choices: tuple[str, int, str]) -> Schedule:
    name = SiteName(**{key: (0 if "int" in str(f.type) else "x") for key, f in SiteName.__dataclass_fields__.items()})
    return Schedule(tuple(Preemption(task, name, occurrence, to) for task, occurrence, to in choices))


def test_the_neighbourhood_is_every_change_of_one_choice() -> None:
    schedule = schedule_of(("main/1", 1, "main/2"))
    found = [tuple((s.task, s.occurrence, s.to) for s in each.preemptions) for each in neighbours(schedule, PATHS)]
    assert found == [(), (("main/1", 2, "main/2"),), (("main/1", 1, "main"),)]


def test_the_neighbourhood_of_a_stall_gives_the_turn_to_tasks() -> None:
    found = list(neighbours(schedule_of(("main", 2, CLOCK)), PATHS[:2]))
    assert {each.preemptions[0].to for each in found if len(each)} == {CLOCK, "main/1"}
    assert sorted(each.preemptions[0].occurrence for each in found if len(each)) == [1, 2, 3]


def test_the_neighbourhood_is_bounded() -> None:
    many = schedule_of(*[("main/1", 5, "main/2")] * 50)
    assert len(list(neighbours(many, [f"main/{n}" for n in range(40)]))) == MOST_NEIGHBOURS


def test_a_certificate_claims_no_more_than_was_explored() -> None:
    certificate = Certificate("t", "w.json", 2, 1, 7, 1000, False, None, 1.0, "3.12", "0")
    text = "\n".join(certificate_lines(certificate, path="c.json"))
    assert "1 of 2 choices could still be taken" in text
    assert "1000 executions of the search pass (0 of 1000: p < 3.0e-03 at 95 %); not a proof" in text
    assert "c.json" in text


@pytest.fixture
def project(tmp_path):
    (tmp_path / "test_it.py").write_text(textwrap.dedent(BROKEN))
    assert pytest_in(tmp_path, "--race").returncode == 1
    (witness,) = (tmp_path / ".unblink").glob("*.json")
    return tmp_path, witness


def test_what_is_not_fixed_gets_no_certificate_that_says_so(project) -> None:
    folder, witness = project
    ended = pytest_in(folder, f"--race-verify={witness}")
    assert ended.returncode == 1
    assert "not fixed: the old witness still fails" in ended.stdout
    (kept,) = (folder / ".unblink").glob("*.certificate.json")
    assert json.loads(kept.read_text())["verdict"] == "not fixed"


def test_a_fix_is_certified(project) -> None:
    folder, witness = project
    (folder / "test_it.py").write_text(textwrap.dedent(FIXED))
    ended = pytest_in(folder, f"--race-verify={witness}")
    assert ended.returncode == 0, ended.stdout
    assert "the old witness passes" in ended.stdout
    assert "every distinct interleaving of the instrumented code passes" in ended.stdout
    (kept,) = (folder / ".unblink").glob("*.certificate.json")
    content = json.loads(kept.read_text())
    assert (content["verdict"], content["complete"], content["choices"]) == ("fixed", True, 1)
