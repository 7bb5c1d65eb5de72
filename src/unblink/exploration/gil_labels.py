"""What a finding says of the GIL: the label, and why.

Of a race the two accesses are known that another task must not come between. Of a failure only a schedule is known:
where CPython can switch at each of its preemptions, it can happen. Where it cannot, another schedule may still make
the test fail, so that alone proves nothing; only if the pattern names two such accesses, the label is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unblink.explain.patterns import diagnose
from unblink.exploration.observation import Recording
from unblink.model.finding import Event, Finding, Gil

_ANOTHER_SCHEDULE = "CPython has no place to switch where this schedule does; another one may fail as well"


def with_gil_label(finding: Finding, seen: Recording) -> Finding:
    """Return the failure `finding` with the label that its recording bears out."""
    preempted = [seen.gil_before(event) for event in seen.events if event.preempts]
    if all(gil is Gil.CAN_HAPPEN for gil in preempted):
        return replace(finding, gil=Gil.CAN_HAPPEN)
    try:
        diagnosis = diagnose(finding)
    except Exception:  # a report never fails while it reports
        diagnosis = None
    if diagnosis is None or not _is_triple(diagnosis.evidence):
        return replace(finding, gil=Gil.UNKNOWN, gil_reason=_ANOTHER_SCHEDULE)
    first, _, second = diagnosis.evidence
    gil = seen.gil_between(first, second)
    return replace(finding, gil=gil, gil_reason=gil_reason(gil, first, second))


def gil_reason(gil: Gil, first: Event, second: Event) -> str:
    """Return why the GIL cannot be given away between two accesses, or that it cannot be told; nothing where it can."""
    if gil is Gil.CAN_HAPPEN:
        return ""
    what = "no call and no backward jump" if gil is Gil.ONLY_FREE_THREADED else "no certain call or backward jump"
    where = f"`{second.at.text.strip()}`" if first.at.line == second.at.line else second.target
    return f"{what} between the {first.operation} and the {second.operation} of {where}"


def _is_triple(evidence: Sequence[Event]) -> bool:
    """Whether these are two accesses of one task with one of another in between."""
    return len(evidence) == 3 and evidence[0].task == evidence[2].task != evidence[1].task
