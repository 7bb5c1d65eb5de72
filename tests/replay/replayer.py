"""Replays witnesses, each in a forked copy of this fresh process, in which no test has ever run.

Run as a script by the interpreter under test, with `PYTHONHASHSEED` set anew for each start. One job a line on the
standard input, `[folder, test, witness, times]` in JSON; for each, one line of answer: a list of `[status, summary]`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile


def replay_here(folder: str, test: str, witness: str) -> list[object]:
    """Replay in this very process, and return pytest's exit status and the summary of the test."""
    import pytest

    os.chdir(folder)
    handle, name = tempfile.mkstemp(suffix=".json")
    os.close(handle)
    arguments = [
        test,
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        folder,
        "--race-replay",
        witness,
        "--race-json",
        name,
    ]
    arguments = ["-p", "no:unblink", "-p", "unblink_pytest", *arguments]
    status = int(pytest.main(arguments))
    try:
        with open(name, encoding="utf-8") as file:
            text = file.read()
        return [status, json.loads(text) if text else []]
    finally:
        os.unlink(name)


def replay_in_a_fork(folder: str, test: str, witness: str) -> list[object]:
    """Replay in a forked child; its output goes nowhere unless it fails to answer."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        output = os.open(os.devnull, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            answer = json.dumps(replay_here(folder, test, witness)).encode()
        except BaseException as problem:
            answer = json.dumps([-1, [repr(problem)]]).encode()
        while answer:
            answer = answer[os.write(write, answer) :]
        os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        content = file.read()
    _, status = os.waitpid(child, 0)
    return json.loads(content) if content else [-2, [f"ended with wait status {status}"]]  # type: ignore[no-any-return]


def main() -> None:
    """Answer jobs until the input ends."""
    import pytest  # noqa: F401

    import unblink.runners.pytest_session  # noqa: F401
    from unblink import _native  # noqa: F401

    for line in sys.stdin:
        folder, test, witness, times = json.loads(line)
        answers = [replay_in_a_fork(folder, test, witness) for _ in range(times)]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
