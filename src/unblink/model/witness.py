"""A witness: a minimal, replayable schedule with the verdict that it must give."""

from __future__ import annotations

from dataclasses import dataclass

from unblink.model.finding import Kind
from unblink.model.schedule import Controls, Schedule

WITNESS_VERSION = 1


@dataclass(frozen=True, slots=True)
class Expected:
    """The verdict that a replay must give: the same `kind`, and for failures the same exception type."""

    kind: Kind
    exception: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Witness:
    """All that is needed to make the failure happen again, on another machine and another Python.

    `target` says what is run: a pytest node id, a script path, or `module:qualname` of a body.
    `passing` is the nearest schedule that passes; `python` and `unblink` are the versions that wrote it.
    """

    target: str
    expected: Expected
    schedule: Schedule
    passing: Schedule | None
    controls: Controls
    needs_stall: float
    python: str
    unblink: str
    version: int = WITNESS_VERSION
