"""A sample of what `python -m tests.gil.run` does in full: the labels of all programs, the experiment with few tries."""

import ast
import sys
from pathlib import Path

import pytest

from .programs import PROGRAMS, Ends
from .run import CAN_HAPPEN, ONLY_FREE_THREADED, UNKNOWN, rows, told

EXPECTED = {Ends.LOST: CAN_HAPPEN, Ends.WHOLE: ONLY_FREE_THREADED}
TOLD = {name: made for name, made in PROGRAMS.items() if made.is_told}
SAMPLE = ("attribute += 1", "two statements", "claim of a key", "int() between", "__hash__ in Python", "len() between")

since_312 = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="3.11 collects garbage wherever a container is made: some labels are not known"
)


@pytest.fixture(scope="module")
def labels():
    return {one["name"]: one for one in told("labels", list(PROGRAMS))}


def test_there_are_enough_programs_of_both_kinds():
    kinds = [made.ends for made in TOLD.values()]
    assert min(kinds.count(Ends.LOST), kinds.count(Ends.WHOLE)) >= 12


@since_312
def test_each_program_has_the_label_that_the_experiment_bears_out(labels):
    expected = {name: EXPECTED[made.ends] for name, made in TOLD.items()}
    assert {name: labels[name]["race"] for name in TOLD} == expected
    assert {name: labels[name]["failure"] for name in TOLD} == expected


def test_no_label_says_the_contrary_of_the_experiment(labels):
    wrong = {
        name: one
        for name, one in labels.items()
        if {one["race"], one["failure"]} - {EXPECTED[PROGRAMS[name].ends], UNKNOWN, None}
    }
    assert wrong == {}


@since_312
def test_on_real_threads_a_sample_ends_as_its_labels_say():
    found = rows(SAMPLE, 100_000)
    assert [row.name for row in found] == list(SAMPLE)
    assert {row.name: list(row.problems()) for row in found} == {name: [] for name in SAMPLE}


def test_the_process_of_the_experiment_does_not_know_unblink():
    for name in ("threads.py", "programs.py"):
        text = (Path(__file__).parent / name).read_text(encoding="utf-8")
        imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert imports and not any("unblink" in ast.unparse(node) for node in imports)
