"""Runs the commands behind the output blocks of README and docs, and writes or compares the blocks.

    python docs/outputs.py --check     is every block what its command prints today? (CI)
    python docs/outputs.py --write     write the blocks anew

A block stands between two comments, and its command is run in a copy of `docs/examples`:

    <!-- output: pytest --race test_counter.py -->
    ...
    <!-- end of output -->

What differs from run to run by nature (real times, addresses, the names of witnesses) is written in a neutral
form. Everything else is compared to the letter: schedules are the same each time.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WRITTEN_ON = (3, 11)  # a block may differ on another Python, as its tracebacks and bytecode do
SECONDS_EACH = 120
_CHANGES_OUTPUT = ("PYTEST", "UNBLINK", "CI", "BUILD_NUMBER", "FORCE_COLOR", "PY_COLORS")

_BLOCK = re.compile(
    r"<!-- output: (?P<command>.+?) -->\n(?P<body>.*?)<!-- end of output -->\n", re.DOTALL | re.MULTILINE
)
_NEUTRAL = (
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x7f0000000000"),
    (re.compile(r"\.unblink/[0-9a-f]{8,}\.json"), ".unblink/3f9c1a2b4d5e.json"),
    (re.compile(r"={3,} (\d.*?) in \d+\.\d+s(?: \(\d+:\d+:\d+\))? ={3,}"), r"===== \1 in 0.50s ====="),
    (re.compile(r"\(\d+\.\d+ s\)"), "(0.5 s)"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


def documents() -> Iterator[Path]:
    """Yield the files that may hold output blocks."""
    yield ROOT / "README.md"
    yield from sorted(path for path in (ROOT / "docs").rglob("*.md") if "build" not in path.parts)


def neutral(text: str) -> str:
    """Return `text` without what differs from run to run by nature."""
    for pattern, replacement in _NEUTRAL:
        text = pattern.sub(replacement, text)
    return text.strip("\n")


def run(command: str) -> str:
    """Return what `command` prints in a copy of the examples; its exit status does not matter here."""
    tools = str(Path(sys.executable).parent)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_CHANGES_OUTPUT)},
        "PATH": os.pathsep.join([tools, os.environ.get("PATH", "")]),
        "PYTEST_ADDOPTS": "--no-header -p no:cacheprovider",
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "examples")
        shutil.copytree(ROOT / "docs" / "examples", copied, ignore=shutil.ignore_patterns("__pycache__"))
        (copied / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        done = subprocess.run(
            shlex.split(command),
            cwd=copied,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_EACH,
            check=False,
        )
    return done.stdout.replace(folder, "")


def rendered(text: str) -> str:
    """Return `text` with each block as its command prints it today."""

    def block(found: re.Match[str]) -> str:
        command = found["command"]
        shown = neutral(run(command))
        return f"<!-- output: {command} -->\n```text\n$ {command}\n{shown}\n```\n<!-- end of output -->\n"

    return _BLOCK.sub(block, text)


def differences() -> list[str]:
    """Return, as lines of a diff, where the documents are not what their commands print."""
    lines: list[str] = []
    for path in documents():
        old = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        new = rendered(old)
        lines += difflib.unified_diff(old.splitlines(), new.splitlines(), name, f"{name}, as run now", lineterm="")
    return lines


def main(arguments: list[str]) -> int:
    """Write or check; the status is 1 when a block is out of date."""
    if arguments == ["--write"]:
        for path in documents():
            text = path.read_text(encoding="utf-8")
            new = rendered(text)
            if new != text:
                path.write_text(new, encoding="utf-8")
                print(f"written: {path.relative_to(ROOT)}")
        return 0
    if arguments != ["--check"]:
        print(__doc__)
        return 2
    if sys.version_info[:2] != WRITTEN_ON:
        print(f"not compared: the blocks were written on Python {WRITTEN_ON[0]}.{WRITTEN_ON[1]}")
        return 0
    found = differences()
    print("\n".join(found) if found else "every output block is what its command prints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
