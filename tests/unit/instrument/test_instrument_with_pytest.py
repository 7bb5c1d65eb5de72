"""pytest's assertion rewriting and our pass on the same module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from processes import importing_as_here, pytest_in

PLUGIN = """
import sys
import pytest
from unblink.instrument import HOOKS, Instrumenter, InstrumentingFinder, install_hooks

sites, met = [], []
class Register:
    def register_sites(self, filename, more):
        sites.extend(more)
        return len(sites) - len(more)

def hook(name):
    def first(value, *more):
        met.append(name)
        return None if name == "__unblink_g__" else value
    return first

@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    install_hooks({name: hook(name) for name in HOOKS})
    InstrumentingFinder(Instrumenter(Register(), roots=[early_config.rootpath])).install()

def pytest_unconfigure(config):
    print("names:", sorted({site[2] for site in sites if site[2]}), "met:", sorted(set(met)))
"""

CONFTEST = """
import pytest
pytest.register_assert_rewrite("asserting")
import asserting

@pytest.fixture
def box():
    import types
    return types.SimpleNamespace(n=1, xs=[1, 2], d={"a": 1})
"""

ASSERTING = "def check(thing):\n    assert thing.n == 2, 'from a helper'\n"

TESTS = """
import asserting, pytest
pytest.register_assert_rewrite("asserting")

def test_passes(box):
    assert box.n == 1 and box.xs[0] in box.xs and not box.d.get("b")
    assert [x for x in box.xs if x > 1] == [2]

def test_comparison(box):
    assert box.n + box.xs[1] == len(box.xs) * box.d["a"]

def test_containment(box):
    assert box.n in box.d or box.n not in box.xs

def test_call(box):
    assert all(x < box.n for x in box.xs), f"because {box.n}"

def test_helper(box):
    asserting.check(box)

def test_walrus(box):
    assert (y := box.n) == 2 and y

def test_error(box):
    assert box.no_such_name
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, text in {
        "race_plugin.py": PLUGIN, "conftest.py": CONFTEST, "asserting.py": ASSERTING, "test_box.py": TESTS,
        "pytest.ini": "[pytest]\naddopts = -W error\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    return tmp_path


def run(suite: Path, *options: str) -> str:
    environment = importing_as_here(suite)
    environment.pop("PYTEST_ADDOPTS", None)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = pytest_in(suite, "-vv", "--color=no", *options, environment=environment)
    return re.sub(r"in \d+\.\d+s", "in TIME", done.stdout + done.stderr)


def without_the_plugins_line(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if not line.startswith(("names:", "plugins:"))]
    return [re.sub(r"0x[0-9a-f]+|=+", "…", line) for line in lines]


def test_outcomes_and_explanations_are_those_of_pytest_alone(suite: Path) -> None:
    plain = run(suite)
    cold = run(suite, "-p", "race_plugin")
    warm = run(suite, "-p", "race_plugin")
    assert "6 failed, 1 passed" in plain
    assert without_the_plugins_line(cold) == without_the_plugins_line(plain)
    assert without_the_plugins_line(warm) == without_the_plugins_line(plain)
    assert "unblink_" not in "".join(without_the_plugins_line(cold))
    for output in (cold, warm):
        (line,) = [line for line in output.splitlines() if line.startswith("names:")]
        names = "['SimpleNamespace', 'all', 'check', 'd', 'for', 'get', 'in', 'len', 'n', 'no_such_name', 'xs']"
        assert line.startswith(f"names: {names} met: ['__unblink_i__', '__unblink_m__', '__unblink_r__']")


def test_the_cached_file_says_which_pytest_rewrote_it(suite: Path) -> None:
    run(suite, "-p", "race_plugin")
    names = [path.name for path in (suite / "__pycache__").glob("*unblink*")]
    assert any(re.search(r"test_box\..*\.unblink-\d+-pytest-\d+\.\d+\.\d+\.pyc", name) for name in names)


def test_a_method_in_an_assertion_is_known_though_pytest_takes_it_apart(suite: Path) -> None:
    (suite / "test_box.py").write_text("def test(box):\n    assert box.d.popitem() == ('a', 1)\n")
    (line,) = [line for line in run(suite, "-p", "race_plugin").splitlines() if line.startswith("names:")]
    assert "'popitem'" in line


def test_other_import_modes_and_doctests_work_too(suite: Path) -> None:
    (suite / "documented.py").write_text('def f(xs):\n    """Do.\n\n    >>> f([1])\n    1\n    """\n    return xs[0]\n')
    for options in (
        ("--import-mode=importlib",),
        ("--import-mode=append", "--doctest-modules", "documented.py"),
    ):
        plain, hooked = run(suite, *options), run(suite, *options, "-p", "race_plugin")
        assert without_the_plugins_line(hooked) == without_the_plugins_line(plain)
        assert " passed" in plain
