"""A witness in words: what it is of, what it must give, and its choices one by one."""

from __future__ import annotations

from unblink.explain.plain_text import clip, neutral
from unblink.explain.plain_text import seconds as in_seconds
from unblink.model.schedule import Preemption, Schedule
from unblink.model.witness import Witness


def describe_witness(witness: Witness, *, path: str, width: int = 100) -> str:
    """Return the text of `unblink explain`; nothing is run."""
    expected = witness.expected
    lines = [
        f"witness of {neutral(witness.target)}",
        f"   gives: {expected.kind}"
        + (f": {neutral(expected.exception)}" if expected.exception else "")
        + (f": {neutral(expected.message.splitlines()[0])}" if expected.message.strip() else ""),
        f" written: by unblink {neutral(witness.unblink)} on Python {neutral(witness.python)}",
        f"controls: seed {witness.controls.seed}, stalls up to {in_seconds(witness.controls.stall)}",
    ]
    if witness.needs_stall:
        lines.append(f"   needs: tasks held back for {in_seconds(witness.needs_stall)} in all")
    lines += ["schedule:", *_steps(witness.schedule)]
    if witness.passing is not None:
        lines += ["passes with:", *_steps(witness.passing)]
    lines.append(f"  replay: unblink replay {neutral(path)}")
    return "\n".join(clip(line, width) for line in lines)


def _steps(schedule: Schedule) -> list[str]:
    if not schedule.preemptions:
        return ["  the default order: each task runs until it waits or ends, then the oldest goes on"]
    return [line for number, one in enumerate(schedule.preemptions, 1) for line in _step(number, one)]


def _step(number: int, one: Preemption) -> list[str]:
    times = "" if one.occurrence == 1 else f", pass {one.occurrence}"
    then = "it is cancelled" if one.is_cancellation else f"{one.to} goes on"
    then = "the clock runs to the next deadline" if one.is_stall else then
    site = one.site
    return [
        f"  {number}. {one.task} comes to {neutral(site.operation)} in {neutral(site.function)}{times}: {then}",
        f"     {neutral(site.file)}: {neutral(site.text)}",
    ]
