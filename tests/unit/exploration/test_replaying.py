"""Replaying a witness of another Python: its names for places within the library, and the schedules near it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unblink.exploration.observation import Observation, Recording
from unblink.exploration.replaying import adapted, check
from unblink.model.errors import DivergenceError
from unblink.model.finding import Kind, TaskInfo
from unblink.model.schedule import CLOCK, Preemption, Schedule
from unblink.model.site import SiteName
from unblink.model.witness import Controls, Expected, Witness
from unblink.schedule.plan import Plan

WORKER = "get in Thread._bootstrap_inner > Thread.run > _worker: work_item = work_queue.get_nowait()"
OPENED = "update in Path.write_text > PathBase.write_text: with self.open(mode='w') as f: (2)"
OWN = "write total"


def site(operation: str) -> SiteName:
    return SiteName("a.py", "f", "text", operation)


@pytest.mark.parametrize(
    ("operation", "same", "other"),
    [
        (WORKER, "get in Thread._bootstrap_inner > Thread.run > _worker: work_item = work_queue.get(block=True)",
         "get in Thread._bootstrap_inner > Timer.run: self.queue.get()"),
        (OPENED, "update in Path.write_text: with self.open(mode='w', newline=newline) as f:",
         "update in Path.touch: self.open()"),
        (OPENED, "update in Path.write_text", "write in Path.write_text"),
        (OWN, OWN, "write totals"),
    ],
)  # fmt: skip
def test_a_loosened_name_is_of_the_function_that_the_program_calls(operation: str, same: str, other: str) -> None:
    loose = site(operation).loosened()
    assert loose.does(operation)
    assert loose.does(same)
    assert not loose.does(other)
    assert loose.loosened() == loose
    assert not site(operation).does(same) or same == operation


def witness_of(python: str, *steps: Preemption) -> Witness:
    return Witness(
        "t", Expected(Kind.DEADLOCK, None, ""), Schedule(steps), None, Controls(0, 0.0, 1.0, {}), 0.0, python, "0"
    )


class Program:
    """Deadlocks under one schedule; comes to the sites that it knows, and runs main and `task`."""

    def __init__(
        self, failing: Schedule, known: tuple[str, ...], task: str = "", room: tuple[Preemption, ...] = ()
    ) -> None:
        self.failing = failing
        self.known = known
        self.tasks = (TaskInfo(0, "main", "main"),) + ((TaskInfo(1, task, "other"),) if task else ())
        self.room = room
        self.plans: list[Plan] = []

    def record(self, plan: Plan) -> Recording:
        return Recording(self.observe(plan), (), self.tasks, (), (), None, "")

    def stall_places(self, plan: Plan) -> tuple[Preemption, ...]:
        return tuple(place for place in self.room if place not in plan.choices)

    def observe(self, plan: Plan) -> Observation:
        from unblink.exploration.observation import Failure
        from unblink.ground.control import Ending

        self.plans.append(plan)
        gone = next((n for n, step in enumerate(plan.choices) if not any(step.site.does(k) for k in self.known)), -1)
        failure = Failure(Kind.DEADLOCK, None, "") if plan.choices == self.failing.preemptions else None
        return Observation(plan, failure, Ending.FINISHED, 1, 2, 0, 0, 0, (), gone, gone < 0)


def test_a_place_that_is_gone_is_taken_by_its_function() -> None:
    step = Preemption("main/1", site(WORKER), 1, "main")
    loose = Schedule((replace(step, site=step.site.loosened()),))
    program = Program(loose, (WORKER.replace("get_nowait()", "get(block=True)"),))
    found = adapted(witness_of("3.0.0", step), program)
    assert found.schedule == loose
    assert len(program.plans) == 2


def test_a_choice_may_be_taken_later_or_by_another_task() -> None:
    step = Preemption("main/1", site(OWN), 1, "main")
    for change in ({"occurrence": 2}, {"task": "main/1/1"}, {"to": "main/1/1"}):
        schedule = Schedule((replace(step, **change),))
        program = Program(schedule, (OWN,), "main/1/1")
        assert adapted(witness_of("3.0.0", step), program).schedule == schedule


def test_a_stall_may_be_elsewhere_and_the_other_choices_stay() -> None:
    switch = Preemption("main", site("write first"), 1, "main/1")
    stall = Preemption("main/1", site("get"), 1, CLOCK)
    room = tuple(Preemption("main", site(f"select {n}"), 1, CLOCK) for n in range(5))
    for place in room:
        schedule = Schedule((switch, place))
        program = Program(schedule, ("get", "write first", *(one.site.operation for one in room)), room=room)
        assert adapted(witness_of("3.0.0", switch, stall), program).schedule == schedule


def test_a_witness_of_this_python_is_followed_as_it_is() -> None:
    import platform

    step = Preemption("main/1", site(OWN), 1, "main")
    program = Program(Schedule((replace(step, occurrence=2),)), (OWN,))
    witness = witness_of(platform.python_version(), step)
    assert adapted(witness, program) is witness
    assert program.plans == []


def test_what_does_not_fail_anywhere_near_is_told_with_the_python_that_found_it() -> None:
    step = Preemption("main/1", site(OWN), 1, "main")
    program = Program(Schedule(()), ("write nothing",))
    witness = witness_of("3.0.0", replace(step, to="main/2"), step)
    assert adapted(witness, program) is witness
    with pytest.raises(DivergenceError, match=r"found on Python 3\.0\.0"):
        check(witness, program.observe(Plan("directed", 0, 0, choices=witness.schedule.preemptions)))


def test_what_does_not_fail_near_is_searched_for_and_only_then() -> None:
    step = Preemption("main/1", site(OWN), 1, "main")
    elsewhere = Schedule((replace(step, task="main/2"), replace(step, occurrence=9)))
    witness = witness_of("3.0.0", step)
    found = replace(witness, schedule=elsewhere)
    assert adapted(witness, Program(elsewhere, (OWN,)), lambda: found) is found
    assert adapted(witness, Program(elsewhere, (OWN,)), lambda: None) is witness
    near = replace(step, occurrence=2)
    assert adapted(witness, Program(Schedule((near,)), (OWN,)), lambda: found).schedule == Schedule((near,))
