"""The sessions that take long or need several Pythons; `make test` is the short way.

    nox -s tests            all tests on every supported Python that is found; names the absent ones
    nox -s fidelity         CPython's own tests of threading and its relatives, run under control
    nox -s transparency     other projects' test suites, instrumented and plain
    nox -s replay           every witness, a thousand times, in new processes, on every Python
    nox -s gil              the labels of the GIL against real threads, a million tries each
    nox -s lint docs bench

Interpreters are looked for on PATH and in pyenv's folder. An absent one is reported and
never counts as passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

SUPPORTED = ("3.11", "3.12", "3.13")

nox.options.sessions = ["lint", "tests"]
nox.options.error_on_missing_interpreters = False


def interpreter(version: str) -> str | None:
    """Return the path of Python `version`, or None. A shim of pyenv may be there and not run."""
    folders = {Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")), Path.home() / ".pyenv"}
    found = [shutil.which(f"python{version}")]
    for folder in folders:
        found += [str(path) for path in sorted(folder.glob(f"versions/{version}*/bin/python3"), reverse=True)]
    question = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
    for path in found:
        if path and subprocess.run([path, "-c", question], capture_output=True, check=False).returncode == 0:
            return path
    return None


INTERPRETERS = {version: interpreter(version) for version in SUPPORTED}
PRESENT = [path for path in INTERPRETERS.values() if path]
ABSENT = [version for version, path in INTERPRETERS.items() if not path]


def prepare(session: nox.Session) -> None:
    """Install the project with what its tests need; say which Pythons are absent."""
    for version in ABSENT:
        session.warn(f"absent: {version}")
    session.install(".[test]")


@nox.session(python=PRESENT)
def tests(session: nox.Session) -> None:
    """All tests of the repository."""
    prepare(session)
    session.run("pytest", *session.posargs)


@nox.session(python=PRESENT)
def fidelity(session: nox.Session) -> None:
    """CPython's own tests as controlled executions; the excluded ones are listed with their reasons."""
    prepare(session)
    session.run("python", "-m", "tests.fidelity.run", *session.posargs)


@nox.session
def transparency(session: nox.Session) -> None:
    """The suites of packages that nobody here wrote: equal outcomes, test by test."""
    prepare(session)
    session.run("python", "-m", "tests.transparency.run", *session.posargs)


@nox.session(python=PRESENT)
def replay(session: nox.Session) -> None:
    """Witnesses fail again in new processes, under other hash seeds, and after harmless edits."""
    prepare(session)
    session.run("python", "-m", "tests.replay.run", *session.posargs)


@nox.session(python=[INTERPRETERS["3.13"]] if INTERPRETERS["3.13"] else [])
def gil(session: nox.Session) -> None:
    """What is said to need a free-threaded build does not happen with the GIL, and the rest does."""
    prepare(session)
    session.run("python", "-m", "tests.gil.run", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, mypy --strict, and the contract of the rooms."""
    session.install(".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-logo")


@nox.session
def docs(session: nox.Session) -> None:
    """The manual, warnings being errors; and the output blocks, compared with new runs."""
    session.install(".[test,docs]")
    session.run("python", "docs/outputs.py", "--check")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "build/docs")


@nox.session
def bench(session: nox.Session) -> None:
    """The speed tables."""
    prepare(session)
    session.run("python", "-m", "benchmarks", *session.posargs)
