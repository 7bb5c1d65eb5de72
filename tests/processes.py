"""Processes of their own: pytest as a user runs it, in a folder, with --race or without; and the variables of others."""

import json
import os
import subprocess
import sys


def importing_as_here(*first, **more):
    """Return our variables, and `more`, for a process that imports from the folders `first`, then from where we do."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*map(str, first), *sys.path])), **more}


def pytest_in(folder, *options, environment=None, timeout=120):
    """Run pytest in `folder`; return the process, which has ended. `environment` is all of its variables, None for ours."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, options)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def race_in(folder, *options, summary=None, **how):
    """Run `pytest --race` in `folder`; return the process, and what was told of each test.

    `summary` is the file where that is, if not in the folder; nothing is told where none was written. `how` is as for
    `pytest_in`.
    """
    summary = summary or folder / "race.json"
    summary.unlink(missing_ok=True)
    ended = pytest_in(folder, "--race", f"--race-json={summary}", *options, **how)
    return ended, json.loads(summary.read_text()) if summary.exists() else []
