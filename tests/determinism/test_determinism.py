from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path

import busy_program as program
import pytest
from processes import importing_as_here

STRATEGIES = ("default", "random", "pct", "pos")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_seeded_executions_are_equal_ten_times_over(strategy):
    first = program.trace_of(strategy, 11)
    for _ in range(9):
        assert program.trace_of(strategy, 11) == first


@pytest.mark.parametrize("strategy", STRATEGIES[1:])
def test_other_seeds_give_other_executions(strategy):
    traces = Counter("\n".join(program.trace_of(strategy, seed)[0]) for seed in range(20))
    assert len(traces) > 10


def test_unseeded_executions_differ():
    traces = {"\n".join(program.trace_of("random", secrets.randbits(64))[0]) for _ in range(10)}
    assert len(traces) > 5


def test_the_default_order_does_not_depend_on_the_seed():
    assert program.trace_of("default", 1)[0] == program.trace_of("default", 2)[0]


def test_executions_between_do_not_matter():
    first = program.trace_of("random", 5)
    for seed in range(20):
        program.trace_of("pos", seed)
    assert program.trace_of("random", 5) == first


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_executions_are_equal_in_new_processes_and_under_any_hash_seed(strategy):
    here = json.loads(json.dumps(program.trace_of(strategy, 3)))
    for hash_seed in ("0", "1", "4294967295", "random"):
        environment = importing_as_here(PYTHONHASHSEED=hash_seed)
        command = [sys.executable, str(Path(program.__file__)), strategy, "3"]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert said.stderr == ""
        assert json.loads(said.stdout) == here


def test_printing_and_tracing_change_nothing(capsys):
    def printing():
        print("before")
        try:
            return program.busy()
        finally:
            print("after")

    def tracing():
        before = sys.gettrace()
        sys.settrace(lambda frame, event, argument: None)
        try:
            return program.busy()
        finally:
            sys.settrace(before)

    plain = program.trace_of("random", 9)
    assert _without_caller(program.trace_of("random", 9, printing)) == _without_caller(plain)
    assert _without_caller(program.trace_of("random", 9, tracing)) == _without_caller(plain)
    assert capsys.readouterr().out == "before\nafter\n"


def _without_caller(traced):
    entries, value = traced
    return [entry for entry in entries if "busy_program.py" in entry], value
