"""Following a witness, on this or another Python, on this or changed code."""

from __future__ import annotations

from unblink.exploration.observation import Observation
from unblink.model.errors import DivergenceError
from unblink.model.schedule import Schedule
from unblink.model.witness import Witness
from unblink.schedule.plan import Plan


def plan_of(witness: Witness, schedule: Schedule | None = None) -> Plan:
    """Return the plan that follows the witness's schedule, or another one under the same controls."""
    stall = max(witness.controls.stall, witness.needs_stall)
    chosen = witness.schedule if schedule is None else schedule
    return Plan("directed", witness.controls.seed, round(stall * 1e9), choices=chosen.preemptions)


def check(witness: Witness, observation: Observation) -> None:
    """See that a replay followed its recording and gave the verdict that it must give.

    Raises:
        DivergenceError: it did not (`site-gone`, `divergence`); the message names the first step that differs.
    """
    failure = observation.failure
    expected = (witness.expected.kind, witness.expected.exception)
    if failure is not None and failure.signature == expected:
        return
    if observation.missed >= 0:
        _raise_missed(witness, observation)
    seen = "it passed" if failure is None else f"it ended with {failure.kind}: {failure.exception_type or ''}"
    raise DivergenceError(
        "divergence",
        f"the schedule was followed to its end, but {seen.rstrip(': ')}; the witness expects "
        f"{witness.expected.kind}: {witness.expected.exception or ''}".rstrip(": "),
        "if the code was changed to mend this, the witness has done its work: explore to see what else there is",
    )


def _raise_missed(witness: Witness, observation: Observation) -> None:
    lost = witness.schedule.preemptions[observation.missed]
    number = observation.missed + 1
    place = f"{lost.site.file}, {lost.site.function}: `{lost.site.text}` ({lost.site.operation})"
    if not observation.missed_site_known:
        raise DivergenceError(
            "site-gone",
            f"preemption {number} of the witness stands at {place}, and the program does not come there",
            "the code has changed: if this is the fix, the witness has done its work; else explore again",
        )
    raise DivergenceError(
        "divergence",
        f"preemption {number} of the witness could not be taken: at {place}, pass {lost.occurrence} of "
        f"{lost.task}, {lost.to} could not go on",
        "the program does not do the same as when the witness was written: explore again",
    )
