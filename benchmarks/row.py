"""A line of a table: what was measured, and what it must be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `target` is what the project promises, and `at_least` whether it is a lower bound; `ratio` compares
    with whatever `of` names, measured in the same run."""

    table: str
    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = True
    ratio: float | None = None
    of: str = ""
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def as_json(self, python: str) -> dict[str, Any]:
        """Return this as JSON's objects."""
        return {"python": python, **asdict(self), "met": self.is_met}


def row_of(json: dict[str, Any]) -> Row:
    """Return the row that `as_json` wrote."""
    return Row(**{name: json[name] for name in Row.__dataclass_fields__})


def number(value: float) -> str:
    """Return `value` with three figures that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
