"""Tests of CPython that cannot pass as controlled executions, each by its full name with its reason."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why a test is not asked of the ground."""

    CHILD_PROCESS = "starts a child process"
    SIGNAL = "a signal that the operating system delivers to a real thread"
    FAULTHANDLER = "faulthandler looks at real threads"
    REAL_TIME = "asserts on real time"
    SUBINTERPRETER = "runs a subinterpreter"
    OS_THREAD = "inspects the OS thread"


EXCLUDED: dict[str, Reason] = {}


def reason_of(name: str) -> Reason | None:
    """Return why the test with this full name is excluded, or None."""
    return EXCLUDED.get(name)
