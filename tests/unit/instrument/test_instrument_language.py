"""CPython's own tests of the language, with their source instrumented: outcomes equal to plain."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import importing_as_here

MODULES = [
    "test_augassign", "test_comprehensions", "test_contextlib", "test_dataclasses", "test_dict",
    "test_except_star", "test_extcall", "test_fstring", "test_generators", "test_global", "test_grammar",
    "test_listcomps", "test_named_expressions", "test_patma", "test_property", "test_scope",
    "test_super", "test_type_params", "test_unpack_ex", "test_with", "test_yield_from",
]  # fmt: skip

RUNNER = """
import importlib, json, sys, unittest
mode, out, *names = sys.argv[1:]
if mode != "plain":
    from unblink.instrument import *
    class Register:
        count = 0
        def register_sites(self, filename, sites):
            self.count += len(sites)
            return self.count - len(sites)
    def first(value, *more): return value
    def nothing(*arguments): return None
    install_hooks({**dict.fromkeys(HOOKS, first), "__unblink_g__": nothing})
    register = Register()
    InstrumentingFinder(
        Instrumenter(
            register, include=lambda name: name.startswith("test.test_"),
            hook_module_level=mode == "everywhere", use_cache=False,
        )
    ).install()
outcomes = {}
class Result(unittest.TestResult):
    def addSuccess(self, test): outcomes[test.id()] = "ok"
    def addFailure(self, test, error): outcomes[test.id()] = "failed: " + repr(error[1])[:200]
    def addError(self, test, error): outcomes[test.id()] = "error: " + repr(error[1])[:200]
    def addSubTest(self, test, subtest, error):
        if error: outcomes[subtest.id()] = "failed: " + repr(error[1])[:200]
for name in names:
    suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module("test." + name))
    suite.run(Result())
if mode != "plain":
    assert register.count > 1000
with open(out, "w") as file:
    json.dump(outcomes, file)
"""


def outcomes(mode: str, modules: list[str], directory: Path) -> dict[str, str]:
    runner = directory / "runner.py"
    runner.write_text(RUNNER)
    out = directory / f"{mode}.json"
    command = [sys.executable, "-W", "ignore", str(runner), mode, str(out), *modules]
    subprocess.run(command, cwd=directory, env=importing_as_here(), check=True, capture_output=True, timeout=300)
    result: dict[str, str] = json.loads(out.read_text())
    return result


@pytest.mark.skipif(importlib.util.find_spec("test.test_grammar") is None, reason="Python came without its tests")
def test_the_languages_own_tests_have_the_same_outcomes(tmp_path: Path) -> None:
    modules = [name for name in MODULES if importlib.util.find_spec(f"test.{name}")]
    plain = outcomes("plain", modules, tmp_path)
    assert sum(outcome == "ok" for outcome in plain.values()) > 1000
    assert outcomes("functions", modules, tmp_path) == plain
    assert outcomes("everywhere", modules, tmp_path) == plain
