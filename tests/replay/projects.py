"""The cases of tests/bugs as projects of their own: a copy that can be edited, and that has its own `.unblink`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.replay.edits import EDITS

ROOT = Path(__file__).resolve().parents[2]
BUGS = ROOT / "tests" / "bugs"


@dataclass(frozen=True, slots=True)
class Case:
    """One buggy program with its test."""

    name: str

    @property
    def folder(self) -> Path:
        """Where it is in the repository."""
        return BUGS / self.name

    @property
    def test_file(self) -> str:
        """The name of the test's file."""
        return f"test_{self.name}.py"

    def copy(self, target: Path, edit: str = "as it was") -> None:
        """Put a copy into `target`, edited."""
        target.mkdir(parents=True, exist_ok=True)
        (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        for file in sorted(self.folder.glob("*.py")):
            text = file.read_text(encoding="utf-8")
            edited = EDITS[edit](text)
            compile(edited, file.name, "exec")
            (target / file.name).write_text(edited, encoding="utf-8")


def cases() -> list[Case]:
    """Return all cases that have a buggy test."""
    return [Case(folder.name) for folder in sorted(BUGS.iterdir()) if (folder / f"test_{folder.name}.py").exists()]


def clear(folder: Path) -> None:
    """Remove a folder of copies."""
    shutil.rmtree(folder, ignore_errors=True)
