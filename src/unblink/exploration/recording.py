"""Watching one execution closely: its visible operations as the events of a report.

The engine calls the recorder just before each visible operation, with nothing under control meanwhile. What is
written can only be read back after the operation, so a written value is filled in at the next call: until then
no other task has done anything visible.
"""

from __future__ import annotations

import io
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType, FrameType
from typing import Any

from unblink.explain.kept_copies import kept_copy
from unblink.explain.misuse_patterns import NOT_HELD
from unblink.explain.vocabulary import is_stored
from unblink.exploration.accesses import Accesses
from unblink.exploration.coroutines import awaited_in, coroutine_frames, is_asyncio_task, own_name, task_name
from unblink.exploration.held_locks import HeldLocks
from unblink.exploration.library_calls import READ_WITHOUT_A_LOCK, LibraryCall, call_around, library_call, outwards
from unblink.exploration.loop_calls import loops_told
from unblink.exploration.naming import Names, short
from unblink.exploration.observation import RaceSeen, RacingPair
from unblink.exploration.places import MISSING, current_value, place_of
from unblink.exploration.stored import StoredNames, is_connection
from unblink.gil.operands import Effect, overwritten
from unblink.gil.trails import Switch, Trails
from unblink.ground.sources import FIRST_SITE, Hook, Sources
from unblink.model.finding import Event, Stack, TaskInfo, Waiting
from unblink.model.schedule import Stall
from unblink.model.site import Place, SourceLine

MOST_EVENTS = 20_000
SEEN_INSIDE = ("threading", "asyncio.locks", "asyncio.queues")
"""Modules whose hooks tell of the call that the program makes, not of a place of their own."""
_ACCESSES = ("read", "write", "update")
_OF_LOCKS = ("acquire", "release", "wait", "notify", "notify_all")
_BY_SITE = ("await", "cancel", "arrive", "resume")  # nobody calls them
_ASYNCIO, _ARRIVAL = 1, 2  # kinds of tasks, see ground.hpp


class Recorder:
    """Collects the events, tasks, waits and stalls of one execution. Use `recording`."""

    def __init__(self, sources: Sources, watched: Iterable[int] = ()) -> None:
        from unblink import _native

        self._native = _native
        self._sources = sources
        self._stored = StoredNames()
        self._names = Names(sources)
        self._operations = _native.OPERATIONS
        self._held = HeldLocks()
        self._seen_inside = {sys.modules[name].__file__ for name in SEEN_INSIDE if name in sys.modules}
        self._made_at: dict[int, SourceLine] = {}
        self._thread_names: dict[int, str] = {0: threading.main_thread().name.replace("MainThread", "main")}
        self._fill: Callable[[], Event | None] | None = None  # what the last event is, once its operation is done
        self._stalls_seen = 0
        self._calls: dict[int, int] = {}
        self._choices_seen = 0
        self._preempted: set[int] = set()
        self._alive: list[Any] = []
        self._accesses = Accesses()
        self._start_ns: int | None = None
        self._watched = frozenset(watched)
        self._stacks: dict[int, list[tuple[CodeType, int]]] = {}  # by number of the event; innermost first
        self._trails = Trails()
        self.races: tuple[RaceSeen, ...] = ()
        self.switches: tuple[Switch, ...] = ()
        self.events: list[Event] = []
        self.waiting: tuple[Waiting, ...] = ()
        self.dropped = 0
        self.tasks_seen: tuple[TaskInfo, ...] = ()
        self.stalls_seen: tuple[Stall, ...] = ()
        self.turned_at: SourceLine | None = None

    # ---- called by the engine

    def observe(self, op: int, task: int, site: int, thing: Any, detail: Any, now_ns: int) -> None:
        """Take down one operation."""
        self._fill_in()
        name = self._operations[op]
        # Its address is its name for as long as we record; but what tells when it goes must go when the program lets it
        # go: a task that loses an exception, and whatever has a finaliser.
        finalised = hasattr(type(thing), "__del__")
        if thing is not None and name != "start" and not finalised:
            self._alive.append(thing)
        if self._start_ns is None:
            self._start_ns = now_ns
        if len(self.events) >= MOST_EVENTS:
            self.dropped += 1
            return
        seconds = (now_ns - self._start_ns) * 1e-9
        self._note_stalls(seconds)
        hook = self._sources.hook(site)
        if hook is not None and self._is_inner(hook):
            return
        call, at, filename, inside = self._place_of_call(name, site, hook, sys._getframe().f_back)
        shown = self._shown_as(name, task, site, call, thing, detail)
        if shown is None:
            return
        verb, target, value = shown
        preempts = self._was_preempted(task)
        if preempts:
            self._turn(at, filename)
        held = self._held.of(task)
        number, inside = len(self.events) + 1, inside and verb in _OF_LOCKS
        self.events.append(Event(number, task, verb, target, at, value, held, seconds, preempts, site, inside))
        if name == "start":
            self._made_at[int(detail)] = at
        self._held.note(verb, task, target, at, gave_up=value in ("timed out", NOT_HELD))
        accessed = hook if call is None and name in _ACCESSES else None
        wanted = preempts or site in self._watched
        lost = Effect.INERT if name == "read" else overwritten(thing, detail)
        self._trails.add(task, len(self.events), accessed, sys._getframe().f_back, lost=lost, wanted=wanted)
        if accessed is not None:
            place = place_of(thing, detail)
            self._accesses.note(len(self.events), task, site, id(thing), place, writes=name != "read")
            if site in self._watched:
                self._stacks[len(self.events)] = _lines_of(sys._getframe(1))
        if call is None and name in ("write", "update"):
            whole = _weak(thing) if finalised else lambda: thing
            self._fill = lambda: replace(self.events[-1], value=_shown(current_value(whole(), detail)))
        if name == "start" and is_asyncio_task(thing):
            made = _weak(thing)
            self._fill = lambda: self._renamed(made(), int(detail))  # before 3.13 it is given its name after this

    def _is_inner(self, hook: Hook) -> bool:
        """Whether a hook is on a part of the library's own objects that tells nobody anything."""
        inner = hook.place == Place.ATTRIBUTE and hook.name not in READ_WITHOUT_A_LOCK
        return (
            inner and hook.filename == threading.__file__
        )  # of asyncio's, each is told by the call that it is inside of

    def _place_of_call(
        self, name: str, site: int, hook: Hook | None, frame: FrameType | None
    ) -> tuple[LibraryCall | None, SourceLine, str, bool]:
        """Return the call of the library that the operation is inside of, and the program's line, with its file.

        Inside of a package, which the last item says, it is the line of the user's that has called it, if one has.
        """
        if site < FIRST_SITE:
            return None, SourceLine("", 0, ""), "<end>", False
        filename = self._sources.file(site)
        if (hook is not None and hook.filename not in self._seen_inside) or name in _BY_SITE:
            return None, self._sources.line(site), filename, False
        call, caller = call_around(frame, self._sources.is_library)
        own = outwards(frame, self._sources.is_own)
        inside = own is not None and own is not caller
        caller = own or caller or outwards(frame, lambda name: name not in self._seen_inside)
        if caller is None or self._sources.is_ours(caller.f_code.co_filename):
            return call, self._sources.line(site), filename, False
        return call, self._sources.frame_line(caller.f_code, caller.f_lineno), caller.f_code.co_filename, inside

    def _shown_as(
        self, name: str, task: int, site: int, call: LibraryCall | None, thing: Any, detail: Any
    ) -> tuple[str, str, str | None] | None:
        """Return verb, target and value of an operation; None for one that is inside a call that is shown."""
        if call is None or name == "touch":
            self._calls.pop(task, None)
            if name == "acquire" and is_connection(thing):
                return self._got_in(task)
            if name in _ACCESSES and self._sources.hook(site) is None:
                return *self._stored.told(name, thing, detail), None
            target, value = self._describe(name, site, thing, detail)
            return {"try-acquire": "acquire", "yield": "sleep"}.get(name, name), target, value
        gave_up = detail is False and name == "acquire"
        inside = self._calls.get(task) == call.frame
        if (inside and not gave_up) or (name == "release" and call.verb not in ("release", "notify", "notify_all")):
            return None
        self._calls[task] = call.frame
        if call.verb == "join" and hasattr(call.receiver, "_name"):
            return "join", str(call.receiver._name), None
        value = "timed out" if gave_up else short(detail) if name in ("get", "put") else None
        return call.verb, self._names.lock(call.receiver, None), value

    def _got_in(self, task: int) -> tuple[str, str, None] | None:
        """Return the statement that has waited for the database's lock: it is done only now."""
        latest = range(len(self.events) - 1, -1, -1)
        asked = next((n for n in latest if self.events[n].task == task and is_stored(self.events[n].target)), None)
        if asked is None:
            return None
        statement = self.events[asked]
        self.events[asked] = replace(statement, operation="wait")
        return statement.operation, statement.target, None

    def stuck(self, rows: list[tuple[int, int, int, Any, int, FrameType | None, bool]]) -> None:
        """Take down who waits for what when nobody can go on."""
        self._fill_in()
        outside = self._native.waited_in_vain() > 0
        waiting = []
        for task, op, site, thing, owner, frame, waits in rows:
            if not waits:
                continue
            if self._operations[op] == "await":
                waiting.append(self._awaiting(task, site, thing))
                continue
            operation, target = self._awaited(op, site, thing, owner, frame)
            stack = _stack(frame, self._sources)
            known = owner if owner >= 0 and owner != task and operation in ("acquire", "join") else None
            waiting.append(Waiting(task, operation, target, known, stack))
        if outside:
            waiting = [replace(entry, outside=True) for entry in waiting]
        carried = [entry for entry in waiting if entry.operation != "select"]
        self.waiting = tuple(sorted(carried or waiting, key=lambda entry: entry.task))

    def _awaiting(self, task: int, site: int, thing: Any) -> Waiting:
        """Return in what an asyncio task waits: the library's call if its innermost one is known, else its own line."""
        frames = coroutine_frames(thing.get_coro())
        call = next((c for frame in reversed(frames) if (c := library_call(frame.f_code, frame))), None)
        stack = _named([(frame.f_code, frame.f_lineno) for frame in reversed(frames)], self._sources)
        if call is None or call.receiver is None:
            text = self._sources.line(site).text if site >= FIRST_SITE else "something"
            return Waiting(task, "await", awaited_in(text), None, stack)
        target = self._names.lock(call.receiver, frames[0])
        swallowed = thing.cancelling() > 0
        return Waiting(task, call.verb, target, self._held.holder(target), stack, swallowed=swallowed)

    # ---- afterwards

    def keep(self) -> None:
        """Keep what the engine knows of the last execution, before another one begins."""
        self._fill_in()
        self._drop_private(self._seen_races())
        self.tasks_seen = self._tasks()
        self.stalls_seen = self._stalls()

    def _seen_races(self) -> list[RaceSeen]:
        """Return the racing pairs of this execution with the events that show them."""
        found = []
        for row in self._native.races(0):
            pair = RacingPair(*row)
            shown = self._accesses.that_raced(pair)
            if shown is not None:
                known = [number for number in shown if number in self._stacks]
                stacks = tuple(Stack(number, _named(self._stacks[number], self._sources)) for number in known)
                found.append(RaceSeen(pair, *shown, stacks))
        return found

    def _drop_private(self, races: list[RaceSeen]) -> None:
        """Leave out accesses to what one task alone has touched, or nobody has written.

        What a task kept to itself of one critical section and used in a later one stays, where another task was in
        such a section in between: there a copy may have gone stale.
        """
        wanted = self._kept_across_sections() | {number for race in races for number in (race.first, race.second)}
        kept = [event for event in self.events if event.number in wanted or self._accesses.is_shared(event.number)]
        numbers = {event.number: number for number, event in enumerate(kept, 1)}
        self.events = [e if e.number == number else replace(e, number=number) for number, e in enumerate(kept, 1)]
        self.races = tuple(
            RaceSeen(
                race.pair,
                numbers[race.first],
                numbers[race.second],
                tuple(replace(stack, event=numbers[stack.event]) for stack in race.stacks),
            )
            for race in races
        )
        self.switches = self._trails.kept(numbers)
        self._alive.clear()

    def _kept_across_sections(self) -> set[int]:
        """Return the last private write and read of which the pattern `stale read` speaks; see `kept_copy`."""
        private = self._accesses.private()
        found = kept_copy(self.events, lambda event: private.get(event.number))
        return set() if found is None else {found.write.number, found.read.number}

    def _tasks(self) -> tuple[TaskInfo, ...]:
        """Return the tasks of the execution, as reports show them."""
        infos: list[TaskInfo] = []
        for number, (parent, index, site, kind) in enumerate(self._native.tasks()):
            path = "main" if parent < 0 else f"{infos[parent].path}/{index}"
            name = self._thread_names.get(number) or f"task {number}"
            if kind == _ARRIVAL:
                name = self._thread_names[number] = f"I/O of {infos[parent].name}"
            made = self._made_at.get(number) or (self._sources.line(site) if site >= FIRST_SITE else None)
            maker = infos[parent].name if parent >= 0 else None
            infos.append(TaskInfo(number, path, name, made, maker, kind == _ASYNCIO))
        return tuple(infos)

    def _stalls(self) -> tuple[Stall, ...]:
        """Return for how long which task was held back, and where."""
        found: list[Stall] = []
        for amount, task, after, before, together in self._native.stalls():
            name = self._thread_names.get(task) or f"task {task}"
            places = [self._sources.line(site) if site >= FIRST_SITE else None for site in (after, before)]
            words = [f"{p.file}:{p.line}" if p is not None else "its start" for p in places]
            last = found[-1] if found else None
            if together and last is not None:
                found[-1] = replace(last, others=(*last.others, name))
            elif last is not None and (last.task, last.after, last.before) == (name, *words):
                found[-1] = replace(last, seconds=last.seconds + amount * 1e-9)
            else:
                found.append(Stall(name, amount * 1e-9, words[0], words[1]))
        return tuple(found)

    # ---- parts

    def _describe(self, name: str, site: int, thing: Any, detail: Any) -> tuple[str, str | None]:
        if name in _ACCESSES and isinstance(thing, io.IOBase):
            return f"stream {self._names.location(site, thing, detail)}", None
        if name in _ACCESSES:
            return self._names.location(site, thing, detail), (
                _shown(current_value(thing, detail)) if name == "read" else None
            )
        if name == "start":
            if is_asyncio_task(thing):
                label = task_name(thing, self._thread_names.values())
            else:
                label = str(getattr(thing, "_name", None) or getattr(thing, "__qualname__", "thread"))
            self._thread_names[int(detail)] = label
            return label, None
        if name == "await":
            return awaited_in(self._sources.line(site).text), None
        if name == "touch":
            what = "the queue of the loop" if hasattr(thing, "call_soon") else "a future of the loop"
            return what, "from another thread"
        if name == "cancel":
            return awaited_in(self._sources.line(site).text), None
        if name == "arrive":
            return "what is awaited", None
        if name == "resume":
            return "after sleep(0)", None
        if name == "join":
            return self._thread_names.get(int(detail), "thread"), None
        if name == "release":
            return self._names.lock(thing, None), NOT_HELD if detail is False else None
        if name in ("acquire", "try-acquire"):
            return self._names.lock(thing, None), "timed out" if detail is False else None
        if name in ("get", "put"):
            return self._names.lock(thing, None), short(detail)
        if name == "sleep":
            return "clock", f"{detail} s"
        return "", None

    def _fill_in(self) -> None:
        if self._fill is None:
            return
        fill, self._fill = self._fill, None
        event = fill()
        if event is not None:
            self.events[-1] = event

    def _renamed(self, task: Any, number: int) -> Event | None:
        name = None if task is None else own_name(task)
        if name is None:
            return None
        self._thread_names[number] = name
        return replace(self.events[-1], target=name)

    def _was_preempted(self, task: int) -> bool:
        """Whether the schedule switched away from `task` since its last event, though it could have gone on."""
        rows = self._native.deviations(self._choices_seen)
        for preempted, _, _, _, could_go_on in rows:
            if could_go_on:
                self._preempted.add(preempted)
        self._choices_seen += len(rows)
        found = task in self._preempted
        self._preempted.discard(task)
        return found

    def _turn(self, at: SourceLine, filename: str) -> None:
        """Note that the schedule turns here, if that is in the program."""
        if at.file and not self._sources.is_foreign(filename):
            self.turned_at = at

    def _note_stalls(self, seconds: float) -> None:
        rows = self._native.stalls(self._stalls_seen)
        for amount, task, _, before, together in rows:
            if together:
                continue
            at = self._sources.line(before) if before >= FIRST_SITE else SourceLine("", 0, "its start")
            if before >= FIRST_SITE:
                self._turn(at, self._sources.file(before))
            self.events.append(
                Event(
                    len(self.events) + 1,
                    task,
                    "stall",
                    "clock",
                    at,
                    f"{round(amount * 1e-9, 3):g} s",
                    (),
                    seconds,
                )
            )
        self._stalls_seen += len(rows)

    def _awaited(self, op: int, site: int, thing: Any, owner: int, frame: FrameType | None) -> tuple[str, str]:
        """Return verb and target of what a task waits in."""
        code = self._sources.called(site)
        call = library_call(code, frame) if code is not None else None
        if call is not None and call.verb == "join" and hasattr(call.receiver, "_name"):
            return "join", str(call.receiver._name)
        if call is not None and call.receiver is not None:
            return call.verb, self._names.lock(call.receiver, frame)
        if thing is not None:
            return self._operations[op], self._names.lock(thing, frame)
        if owner >= 0:
            return self._operations[op], self._thread_names.get(owner, f"task {owner}")
        return self._operations[op], self._sources.line(site).text if site >= FIRST_SITE else "the other tasks"


@contextmanager
def recording(sources: Sources, watched: Iterable[int] = ()) -> Any:
    """Have the executions run meanwhile taken down by the recorder that this yields.

    `watched` are sites of which the stacks are wanted. Racing pairs are those of these executions alone.
    """
    from unblink import _native

    recorder = Recorder(sources, watched)
    _native.forget_races()
    _native.set_observer(recorder.observe)
    _native.set_stuck_observer(recorder.stuck)
    try:
        with loops_told():
            yield recorder
    finally:
        _native.set_observer(None)
        _native.set_stuck_observer(None)


def _shown(value: Any) -> str | None:
    return None if value is MISSING else short(value)


def _stack(frame: FrameType | None, sources: Sources) -> tuple[SourceLine, ...]:
    """Return the frames from the program's outermost one inwards."""
    return _named(_lines_of(frame), sources)


def _lines_of(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    """Return where each frame stands, the innermost first."""
    lines: list[tuple[CodeType, int]] = []
    while frame is not None and len(lines) < 60:
        lines.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return lines


def _named(lines: list[tuple[CodeType, int]], sources: Sources) -> tuple[SourceLine, ...]:
    """Return the lines from the program's outermost one inwards."""
    last = len(lines)
    while last and sources.is_foreign(lines[last - 1][0].co_filename):
        last -= 1
    return tuple(sources.frame_line(code, line) for code, line in reversed(lines[:last]))


def _weak(thing: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: None
