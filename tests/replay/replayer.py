"""Replays witnesses, each in a forked copy of a fresh process in which no test has ever run.

Run as a script by the interpreter under test, with `PYTHONHASHSEED` set anew for each start. One job a line on the
standard input, `[folder, witnesses, times]` in JSON. A fork of this process has pytest collect the folder, which
imports the programs, and then forks once for each replay, before anything of a test has run. One line of answer for a
job: for each witness a list of `[status, summaries]`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest


class Replays:
    """A pytest plugin: replays each witness so many times, each time in a copy of this process."""

    def __init__(self, witnesses: list[str], times: int) -> None:
        self.answers: list[Any] = []
        self._witnesses = witnesses
        self._times = times
        self._failed = False
        self._summaries: list[Any] = []
        self._texts: list[str] = []
        self._items: list[pytest.Item] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a copy: keep what is told."""
        self._failed = self._failed or report.failed
        summary = getattr(report, "unblink", None)
        if summary is not None:
            self._summaries.append(summary)
        elif report.failed:
            self._texts.append(report.longreprtext[-700:])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep all tests: those that are not of the first witness are left out after this."""
        self._items = list(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replay in copies."""
        for path in self._witnesses:
            self.answers.append([in_a_fork(lambda: self._replay(session, path)) for _ in range(self._times)])
        return True

    def _replay(self, session: pytest.Session, path: str) -> list[Any]:
        from unblink.schedule import witness_file

        plugin = session.config.pluginmanager.get_plugin("unblink-race")
        assert plugin is not None
        plugin._witness, plugin._witness_path = witness_file.load(path), path
        for item in self._items:
            if item.nodeid == plugin._witness.target:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return [int(self._failed), self._summaries or self._texts]


def in_a_fork(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a forked child, whose output goes nowhere."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        output = os.open(os.devnull, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            answer = json.dumps(work()).encode()
        except BaseException as problem:
            answer = json.dumps([-1, [repr(problem)]]).encode()
        while answer:
            answer = answer[os.write(write, answer) :]
        os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        content = file.read()
    _, status = os.waitpid(child, 0)
    return json.loads(content) if content else [-2, [f"ended with wait status {status}"]]


def collected_and_replayed(folder: str, witnesses: list[str], times: int) -> list[Any]:
    """Collect the folder, and replay each witness so many times."""
    os.chdir(folder)
    replays = Replays(witnesses, times)
    arguments = ["-p", "no:unblink", "-p", "unblink_pytest", folder, "-q", "-p", "no:cacheprovider"]
    status = int(pytest.main([*arguments, "--rootdir", folder, "--race-replay", witnesses[0]], plugins=[replays]))
    return replays.answers or [[[status, ["nothing ran"]]] * times] * len(witnesses)


def main() -> None:
    """Answer jobs until the input ends."""
    import unblink.runners.pytest_session  # noqa: F401
    from unblink import _native  # noqa: F401

    for line in sys.stdin:
        folder, witnesses, times = json.loads(line)
        answers = in_a_fork(lambda: collected_and_replayed(folder, witnesses, times))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
