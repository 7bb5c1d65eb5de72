"""What an exploration found, in the form from which every report is made."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from unblink.model.schedule import Schedule, Stall
from unblink.model.site import SourceLine


class Kind(enum.StrEnum):
    """What is wrong. The values are the public slugs of reports."""

    FAILURE = "failure"  # the test's own outcome: an exception left the body
    DEADLOCK = "deadlock"  # a waits-for cycle, or tasks that wait for what can no longer come
    LIVELOCK = "livelock"  # steps without progress
    LOST_EXCEPTION = "lost-exception"  # an exception left a task and nobody saw it
    NEVER_AWAITED = "never-awaited"  # a coroutine was made and never run
    LOOP_TOUCHED = "loop-touched"  # by a thread that does not run it, and not by call_soon_threadsafe
    ATOMICITY_VIOLATION = "atomicity-violation"
    RACE = "race"
    INVARIANT = "invariant"


class Gil(enum.StrEnum):
    """Whether CPython can switch threads where the schedule does."""

    CAN_HAPPEN = "can happen with the GIL"
    ONLY_FREE_THREADED = "only on a free-threaded build"
    UNKNOWN = "unknown"


class Verdict(enum.StrEnum):
    """What is claimed of a test. No verdict claims more than was explored."""

    FAILED = "failed"  # some schedule makes it fail
    NOTED = "noted"  # something worth telling that does not fail the run
    PASSED = "passed"  # nothing found within the bound that is printed
    COMPLETE = "complete"  # every distinct interleaving was run
    SEQUENTIAL = "sequential"  # one task only: nothing to explore
    UNCONTROLLED = "uncontrolled"  # what it does could not be controlled; ran on real threads
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task as reports show it: `path` names it for a witness, `name` for a person."""

    id: int
    path: str
    name: str
    created_at: SourceLine | None = None
    created_by: str | None = None
    is_asyncio: bool = False  # carried by the thread that runs its loop


@dataclass(frozen=True, slots=True)
class Event:
    """One visible operation of a failing execution.

    `operation` is a verb of the reports (`read`, `write`, `update`, `acquire`, `release`, `wait`, `start`,
    `join`, `put`, `get`, `sleep`, `end`, `stall`); `target` names the location as the source does
    (`Counter.value`, `registry['a']`, `lock`); `value` is the short form of the value read or written, or
    None; `held` are the locks held; `seconds` is virtual time since the start; `preempts` is set where the
    schedule switches away from a task that could have gone on, just before this operation. `site` is the engine's
    number of where it stands, within one process. `inside` marks what an installed package does with locks of its
    own, within the call that the user's line makes.
    """

    number: int
    task: int
    operation: str
    target: str
    at: SourceLine
    value: str | None = None
    held: tuple[str, ...] = ()
    seconds: float = 0.0
    preempts: bool = False
    site: int = 0
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that waits when nothing can go on. `owner` is the id of the task that holds what it waits for.

    `outside` says that somebody outside of control might have brought it about, and did not.
    """

    task: int
    operation: str
    target: str
    owner: int | None
    stack: tuple[SourceLine, ...]
    swallowed: bool = False  # it was cancelled, and went on
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """How a task came to an event: the frames of the program, outermost first."""

    event: int
    frames: tuple[SourceLine, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect with the evidence for it.

    `title` is one line (`lost update of Counter.value`); `pattern` is the field's name of the defect or None;
    `where` is the line to look at first; `message` is the exception's text or what the oracle said;
    `traceback` the failing task's, already without our frames; `needs_stall` the virtual seconds for which
    tasks must be held back; `is_note` marks what does not fail the run. `events` are the execution's visible
    operations in order (of the minimised schedule); `passing` those of the nearest passing schedule.
    """

    kind: Kind
    title: str
    pattern: str | None
    where: SourceLine | None
    message: str = ""
    traceback: str = ""
    needs_stall: float = 0.0
    is_note: bool = False
    gil: Gil = Gil.UNKNOWN
    gil_reason: str = ""
    fix: str = ""
    tasks: tuple[TaskInfo, ...] = ()
    events: tuple[Event, ...] = ()
    passing: tuple[Event, ...] = ()
    stalls: tuple[Stall, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    schedule: Schedule = field(default_factory=Schedule)
    found_at: int = 0  # number of the first failing execution, from 1
    racing: tuple[int, ...] = ()  # the numbers of the two events that nothing orders
    stacks: tuple[Stack, ...] = ()  # where they stood
    replay: str = ""  # the line to paste
