"""`unblink demo`: the five systems, hunted one after the other as a user would, with `pytest --race`."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unblink.model.errors import UsageError

SYSTEMS = {
    "dropped_messages": "the consumer that dropped messages when nobody watched",
    "flaky_dispatcher": "the dispatcher with a flaky test",
    "double_task": "the job queue that did a task twice",
    "stale_settlement": "the settlement that balanced twice in the background only",
    "torn_log": "the log that must not interleave",
}


def show(names: Iterable[str]) -> int:
    """Print the hunts of the named systems, or of all; return 0 if each went as it must."""
    chosen = list(names) or list(SYSTEMS)
    unknown = [name for name in chosen if name not in SYSTEMS]
    if unknown:
        raise UsageError("no-target", f"there is no system {unknown[0]!r}", f"choose from {', '.join(SYSTEMS)}")
    need_pytest("unblink demo")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="unblink-demo-") as folder:
        shutil.copytree(_cases(), Path(folder) / "cases", ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", encoding="utf-8")
        went_well = [_hunt(name, number, Path(folder)) for number, name in enumerate(chosen, 1)]
    print(f"\n{sum(went_well)} of {len(chosen)} hunts went as they must, in {time.perf_counter() - began:.0f} s")
    return 0 if all(went_well) else 1


def need_pytest(command: str) -> None:
    """See that pytest is there, which `command` runs.

    Raises:
        UsageError: it is not installed (`no-pytest`).
    """
    if importlib.util.find_spec("pytest") is None:
        raise UsageError("no-pytest", f"{command} runs pytest, which is not installed", "pip install pytest")


def _cases() -> Path:
    """Return the folder of the systems: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "cases", package.parents[1] / "cases"):
        if (folder / "torn_log").is_dir():
            return folder
    raise FileNotFoundError("the systems of the demo were not installed")


def _hunt(name: str, number: int, folder: Path) -> bool:
    print(f"\n{'=' * 100}\n{number}. {SYSTEMS[name]}   (cases/{name})\n{'=' * 100}", flush=True)
    odds = folder / "cases" / name / "odds.py"
    if odds.exists():
        print("by chance, on real threads:", flush=True)
        subprocess.run([sys.executable, "-m", f"cases.{name}.odds"], cwd=folder, check=False)
        print()
    buggy = _race(folder, f"cases/{name}/test_{name}_buggy.py")
    print("buggy.py, pytest --race:\n")
    for text in buggy.reports:
        print(text)
    print("\nfixed.py, pytest --race:")
    fixed = _race(folder, f"cases/{name}/test_{name}_fixed.py")
    for line in fixed.lines:
        print(f"  {line}")
    return buggy.failed > 0 and fixed.failed == 0 and fixed.passed > 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    reports: list[str]
    lines: list[str]
    failed: int
    passed: int


def _race(folder: Path, test: str) -> _Outcome:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, "-m", "unblink.cli.demo_tests", test],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return _Outcome(**json.loads(found.stdout.splitlines()[-1]))
