"""The time that passes for the user, by which budgets are measured: whatever a test has made of Python's clocks."""

from __future__ import annotations


def real_seconds() -> float:
    """Return seconds of the clock that `time.perf_counter` reads where nobody has replaced it (freezegun does)."""
    from unblink import _native

    return _native.real_seconds()
