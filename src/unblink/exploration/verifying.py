"""Seeing that a bug is fixed: the old witness on the changed code, its neighbourhood, then the search.

The witness is followed as far as the changed code lets it: a choice of which the site is gone is left out. Its
neighbourhood are the schedules that differ from it in one choice: left out, taken one pass earlier or later, or given
to another task.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from unblink.exploration.observation import Observation
from unblink.exploration.replaying import neighbours, plan_of
from unblink.exploration.result import Result
from unblink.exploration.settings import Settings
from unblink.model.certificate import Certificate
from unblink.model.finding import Verdict
from unblink.model.schedule import Schedule
from unblink.model.witness import Expected, Witness
from unblink.schedule.plan import Plan


def verify(
    witness: Witness,
    observe: Callable[[Plan], Observation],
    replay: Callable[[Witness], tuple[Result, Any]],
    search: Callable[[], tuple[Result, Any]],
    settings: Settings,
    *,
    path: str,
) -> tuple[Certificate, Result, Any]:
    """Return the certificate, the result to show, and what the official execution left to report.

    `observe` runs a plan in an execution that leaves nothing behind, `replay` shows a witness that fails, `search`
    explores within the settings.
    """
    old = observe(plan_of(witness))
    certificate = Certificate(
        target=witness.target,
        witness=path,
        choices=len(witness.schedule),
        followed=len(witness.schedule) if old.missed < 0 else old.missed,
        neighbours=0,
        executions=0,
        complete=False,
        interleavings=None,
        stall=settings.stall,
        python=platform.python_version(),
        unblink=witness.unblink,
    )
    if old.failure is not None:
        result, shown = replay(_of(witness, witness.schedule, old))
        return replace(certificate, problem=f"the old witness still fails: {_said(old)}"), result, shown
    for schedule in neighbours(witness.schedule, ("main", *(f"main/{number}" for number in range(1, old.tasks)))):
        certificate = replace(certificate, neighbours=certificate.neighbours + 1)
        seen = observe(plan_of(witness, schedule))
        if seen.failure is not None:
            result, shown = replay(_of(witness, schedule, seen))
            problem = f"a schedule that differs from the old witness in one choice fails: {_said(seen)}"
            return replace(certificate, problem=problem), result, shown
    result, shown = search()
    certificate = replace(
        certificate,
        executions=result.executions,
        complete=result.complete,
        interleavings=result.interleavings,
        problem=None if result.verdict is not Verdict.FAILED else f"the search found: {_title(result)}",
    )
    return certificate, result, shown


def write(certificate: Certificate, folder: str, witness: str) -> str:
    """Write the certificate beside the witnesses, whole or not at all; return its path."""
    path = Path(folder) / f"{Path(witness).stem}.certificate.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(certificate.as_json(), indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    return str(path)


def _of(witness: Witness, schedule: Schedule, seen: Observation) -> Witness:
    failure = seen.failure
    assert failure is not None
    expected = Expected(failure.kind, failure.exception_type, failure.message)
    return replace(witness, schedule=schedule, expected=expected, passing=None)


def _said(seen: Observation) -> str:
    failure = seen.failure
    assert failure is not None
    return f"{failure.kind}: {failure.message}".strip().splitlines()[0][:200]


def _title(result: Result) -> str:
    failure = result.failure
    return failure.title if failure is not None else "a failure"
