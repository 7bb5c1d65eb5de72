"""The programs, and the published figures: mean number of schedules to the first failing one, for each tool."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parents[2] / "tests" / "bugs" / "sctbench"
SURW = "SURW [SURW repo 2025]"
RFF = "RFF [RFF repo 2024]"


@dataclass(frozen=True, slots=True)
class Case:
    """A test of one program.

    `failures` are the forms in which its bug shows: a kind, and the exception's type if there is one. In `published`,
    None is a tool that never found the bug.
    """

    name: str
    program: str
    test: str
    failures: Sequence[str] = field(compare=False)
    published: Mapping[str, float | None] = field(compare=False)

    @property
    def best(self) -> float | None:
        """The least of the published figures; None where there is none."""
        return min((figure for figure in self.published.values() if figure is not None), default=None)

    @property
    def is_compared(self) -> bool:
        """Whether this case is among those that the geometric means are over."""
        return any(self.published.get(tool) is not None for tool in (SURW, RFF))

    def load(self) -> Callable[[], Any]:
        """Import the program, and return its test."""
        path = PROGRAMS / self.program / f"test_{self.program}.py"
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        test: Callable[[], Any] = getattr(module, self.test)
        return test


def all_cases() -> list[Case]:
    """Return all cases, in the order of the table."""
    return [Case(**row) for row in json.loads((PROGRAMS / "cases.json").read_text(encoding="utf-8"))]


def chosen(names: str) -> list[Case]:
    """Return the cases that are named, by their names, the last parts of these, or their programs.

    Raises:
        ValueError: there is none of that name.
    """
    cases = all_cases()
    found: list[Case] = []
    for name in names.split(","):
        of_name = [case for case in cases if name in (case.name, case.name.rpartition("/")[2], case.program)]
        if not of_name:
            raise ValueError(f"no case has the name {name}")
        found += [case for case in of_name if case not in found]
    return found
