"""The cases of tests/bugs, copied into a project of their own that can be edited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .edits import EDITS

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

    @property
    def files(self) -> list[Path]:
        """The buggy program and its test."""
        found = [self.folder / self.test_file, self.folder / f"{self.name}_app.py"]
        return [file for file in found if file.exists()]


def copy_all(chosen: list[Case], target: Path, edit: str = "as it was") -> None:
    """Put the programs of all cases side by side into one folder, edited, as one project."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for case in chosen:
        for file in case.files:
            edited = EDITS[edit](file.read_text(encoding="utf-8"))
            compile(edited, file.name, "exec")
            (target / file.name).write_text(edited, encoding="utf-8")


def cases() -> list[Case]:
    """Return all cases that have a buggy test."""
    return [Case(folder.name) for folder in sorted(BUGS.iterdir()) if (folder / f"test_{folder.name}.py").exists()]
