"""A search that came to its budget is continued, in another process, from where it stopped."""

import json
import re
import textwrap

import pytest
from processes import pytest_in

SOURCE = """
    import threading

    def test_sum():
        lock, total = threading.Lock(), {"n": 0}

        def work():
            for _ in range(3):
                with lock:
                    total["n"] += 1

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert total["n"] == 9
"""
INTERLEAVINGS = 1680  # 9! / 3!^3


@pytest.fixture
def project(tmp_path):
    (tmp_path / "test_it.py").write_text(textwrap.dedent(SOURCE))
    return tmp_path


def explored(project, *options):
    done = pytest_in(project, "-q", "--race", "--race-budget=1200x", *options)
    (line,) = re.findall(r"^test_it\.py::test_sum: (.*)$", done.stdout, re.MULTILINE)
    return line


def kept(project):
    return list((project / ".unblink" / "continue").glob("*.json"))


def test_a_proof_is_finished_by_later_runs(project):
    assert explored(project).startswith("passed: 1200 executions of 4 tasks")
    assert "(and 1200 in earlier runs)" in explored(project, "--race-continue")
    last = explored(project, "--race-continue")
    assert last.startswith("complete") and f"({INTERLEAVINGS} in " in last and "(and 2400 in earlier runs)" in last
    assert kept(project) == []


def test_a_run_that_is_not_asked_to_goes_on_from_nothing(project):
    first = explored(project)
    assert re.sub(r"\([\d.]+ s\)", "", explored(project)) == re.sub(r"\([\d.]+ s\)", "", first)


def test_what_was_covered_of_other_code_does_not_count(project):
    explored(project)
    (project / "test_it.py").write_text(
        textwrap.dedent(SOURCE.replace("range(3):\n                with", "range(4):\n                with"))
    )
    assert "earlier" not in explored(project, "--race-continue")


def test_what_was_found_does_not_vanish_by_going_on(project):
    (project / "test_it.py").write_text(textwrap.dedent(SOURCE.replace("with lock:", "if lock:")))
    assert explored(project).startswith("failed")
    assert kept(project) == []
    assert explored(project, "--race-continue").startswith("failed")


@pytest.mark.parametrize(
    "damage", ["", "{}", "[1]", '{"format": 1}', "\x00", '{"format": 1, "test": "test_it.py::test_sum"}']
)
def test_a_damaged_file_is_as_none(project, damage):
    explored(project)
    (file,) = kept(project)
    file.write_text(damage)
    assert explored(project, "--race-continue").startswith("passed: 1200 executions of 4 tasks")


def test_a_stand_that_does_not_fit_is_refused(project):
    explored(project)
    (file,) = kept(project)
    content = json.loads(file.read_text())
    content["proof"] = content["proof"][:40]
    file.write_text(json.dumps(content))
    assert "earlier runs" in explored(project, "--race-continue")
