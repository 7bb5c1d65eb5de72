"""A sample of what `python -m tests.replay.run` does in full: witnesses fail again, in new processes and edited code."""

import sys

import pytest

from .projects import Case, copy_all
from .run import MOST_PREEMPTIONS, find, replay_forked, replay_fresh

SAMPLE = [Case(name) for name in ("lost_update", "lazy_singleton", "ack_then_lost", "missed_signal", "pool_race")]

EDITS = ("as it was", "comments on the lines", "logging before each statement", "moved lines")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return find(SAMPLE, tmp_path_factory.mktemp("found"), sys.executable, seed=0)


def test_each_program_has_a_witness_of_few_preemptions(found):
    assert [one.case for one in found] == sorted(SAMPLE, key=lambda case: case.test_file)
    assert max(one.preemptions for one in found) <= MOST_PREEMPTIONS


@pytest.mark.parametrize("edit", EDITS)
def test_witnesses_fail_alike_in_new_processes_after_this_edit(edit, found, tmp_path):
    copy_all(SAMPLE, tmp_path, edit)
    answers = replay_forked(sys.executable, 1 + EDITS.index(edit), tmp_path, found, 2)
    wrong = {one.case.name: one.problem(answer) for one, two in zip(found, answers, strict=True) for answer in two}
    assert wrong == dict.fromkeys(wrong)


def test_a_witness_fails_alike_in_a_whole_new_process(found, tmp_path):
    copy_all(SAMPLE, tmp_path, "prints")
    wrong = {one.case.name: one.problem(replay_fresh(sys.executable, tmp_path, one, 77)) for one in found[:2]}
    assert wrong == dict.fromkeys(wrong)
