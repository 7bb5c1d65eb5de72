"""Between which operations of a task CPython with its GIL can switch, taken down while the execution runs.

The way from one operation to the next is judged when the task has come to the later one: then the frame is there, with
the values on which the instructions in between have worked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import CodeType, FrameType
from typing import Final

from unblink.gil.operands import Effect, is_heavy
from unblink.gil.switching import Before, between, worse
from unblink.ground.sources import Hook
from unblink.model.finding import Gil

_MOST_JUDGED: Final = 4000  # events of one recording: a task may turn in a loop
_LONGEST: Final = 40
_DEEPEST: Final = 100

_Stack = tuple[tuple[int, CodeType], ...]  # innermost first; the code tells apart two frames that came to one address


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether CPython with its GIL can switch away from a task between two of its events, by number.

    `first` is 0 for whatever the task did before those of its events of which more is known.
    """

    first: int
    second: int
    gil: Gil


@dataclass(slots=True)
class _Step:
    """An operation of a task; `hook` is None where it is a call of the library, `way` what was judged of the way to it
    from the one before."""

    number: int
    hook: Hook | None
    stack: _Stack
    before: Before
    way: Gil | None = None


class Trails:
    """The latest operations of every task, and what was judged of the ways between them."""

    def __init__(self) -> None:
        self._steps: dict[int, list[_Step]] = {}
        self._switches: list[Switch] = []
        self._judged = 0

    def add(
        self, task: int, number: int, hook: Hook | None, frame: FrameType | None, *, lost: Effect, wanted: bool
    ) -> None:
        """Take down event `number`; if it is `wanted`, judge the ways to it from what the task did before.

        `lost` is the effect of losing what the operation is about to replace.
        """
        step = _Step(number, hook, _stack_of(frame), Before(_heavy(frame), lost))
        before = self._steps.setdefault(task, [])
        if wanted and hook is not None and frame is not None:
            self._judged += 1
            try:
                found = list(_judged(step, before, frame)) if self._judged <= _MOST_JUDGED else []
            except Exception:  # a report never fails while it reports
                found = []
            self._switches.extend(found or [Switch(0, number, Gil.UNKNOWN)])
        before.append(step)
        del before[:-_LONGEST]

    def kept(self, numbers: Mapping[int, int]) -> tuple[Switch, ...]:
        """Return the judgements on the events that `numbers` has, by the numbers that they have there."""
        return tuple(
            replace(switch, first=numbers.get(switch.first, 0), second=numbers[switch.second])
            for switch in self._switches
            if switch.second in numbers and (switch.first in numbers or switch.first == 0)
        )


def _judged(last: _Step, before: Sequence[_Step], frame: FrameType) -> Iterator[Switch]:
    """Yield what holds from each earlier operation to the `last`, the nearest first; and from the start, numbered 0."""
    gil, later = Gil.ONLY_FREE_THREADED, last
    for step in reversed(before):
        if later.way is None:
            later.way = _stretch(step, later, frame)
        gil = worse(gil, later.way)
        yield Switch(step.number, last.number, gil)
        if gil is Gil.CAN_HAPPEN or step.stack[:1] != last.stack[:1]:
            break
        later = step
    else:
        gil = Gil.UNKNOWN if len(before) == _LONGEST else Gil.CAN_HAPPEN  # a task starts with a check
    yield Switch(0, last.number, gil)


def _stretch(first: _Step, second: _Step, frame: FrameType) -> Gil:
    """Judge the way between two operations in a row, the second of which is in `frame`."""
    if first.hook is None or second.hook is None or _has_entered(first.stack, second.stack):
        return Gil.CAN_HAPPEN  # a call is followed by a check, and a function begins with one
    if first.stack[:1] != second.stack[:1]:
        return Gil.UNKNOWN  # a function has returned: that alone is no check
    return between(frame, first.hook, second.hook, first.before)


def _has_entered(then: Collection[tuple[int, CodeType]], now: _Stack) -> bool:
    """Whether a function runs `now` that did not run `then`."""
    return any(frame not in then for frame in now)


def _heavy(frame: FrameType | None) -> frozenset[str]:
    """Return the local variables that hold what may have a finaliser."""
    if frame is None or frame.f_locals is frame.f_globals:
        return frozenset()
    return frozenset(name for name, value in frame.f_locals.items() if is_heavy(value))


def _stack_of(frame: FrameType | None) -> _Stack:
    found: list[tuple[int, CodeType]] = []
    while frame is not None and len(found) < _DEEPEST:
        found.append((id(frame), frame.f_code))
        frame = frame.f_back
    return tuple(found)
