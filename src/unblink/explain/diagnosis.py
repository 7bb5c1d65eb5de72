"""A named defect with the events that prove it, and what must hold when it is fixed."""

from __future__ import annotations

from dataclasses import dataclass

from unblink.explain.vocabulary import is_stored
from unblink.model.finding import Event
from unblink.model.site import SourceLine

LOST_UPDATE = "lost update"
CHECK_THEN_ACT = "check-then-act"
LAZY_INITIALISATION = "lazy initialisation"
NON_REPEATABLE_READ = "non-repeatable read"
DIRTY_READ = "dirty read"
OVERWRITTEN = "overwritten before use"
INTERLEAVED = "interleaved writes"
LOCK_ORDER = "lock-order inversion"
SELF_DEADLOCK = "self-deadlock"
NEVER_RELEASED = "lock never released"
MISSED_SIGNAL = "missed signal"
NO_RECHECK = "wait without a second check"
ACKNOWLEDGED = "acknowledged before done"
LEASE_OUTLIVED = "lease outlived"
STALE_READ = "stale read"
ORDER_VIOLATION = "order violation"
UNORDERED = "unordered access"
SIGNAL_BEFORE_WAIT = "signal before wait"
DOUBLE_RELEASE = "double release"
UNLOCKED_BY_ANOTHER = "unlock by another task"
PUBLISHED = "publication before construction"
TORN_READ = "torn read"
CHANGED_WHILE_ITERATED = "iterator over a changing container"
LEAKED_LOCK = "lock leaked by cancellation"
LOST_ITEM = "item lost by cancellation"
SWALLOWED = "swallowed cancellation"
LOOP_TOUCHED = "loop touched from another thread"

_TITLES = {
    CHECK_THEN_ACT: "check-then-act on {target}",
    MISSED_SIGNAL: "missed signal on {target}",
    SIGNAL_BEFORE_WAIT: "signal before wait: {target}",
    UNLOCKED_BY_ANOTHER: "unlock by another task: {target}",
    PUBLISHED: "publication before construction: {target} is read before it is written",
    NO_RECHECK: "wait without a second check of {target}",
    ACKNOWLEDGED: "acknowledged before done: {target}",
    LEASE_OUTLIVED: "lease outlived: {target}",
    ORDER_VIOLATION: "order violation: {target} is read before it is written",
    CHANGED_WHILE_ITERATED: "iterator over a changing container: {target}",
    NEVER_RELEASED: "lock never released: {target}",
    LEAKED_LOCK: "lock leaked by cancellation: {target}",
    LOST_ITEM: "item lost by cancellation: {target}",
    SWALLOWED: "swallowed cancellation in {target}",
    LOOP_TOUCHED: "loop touched from another thread: {target}",
    INTERLEAVED: "interleaved writes to {target}",
    OVERWRITTEN: "{target} overwritten before use",
    UNORDERED: "unordered access to {target}",
}

_FIXES = {
    LOST_UPDATE: "no other task writes {target} between a task's read of it and its write: "
    "one lock around both, taken by every writer",
    CHECK_THEN_ACT: "what was checked about {target} is still true when it is acted on: "
    "check and act under one lock, or in one atomic operation",
    LAZY_INITIALISATION: "{target} is made once: checked again under a lock before it is made",
    NON_REPEATABLE_READ: "{target} is read once into a local name, or both reads are under the writers' lock",
    DIRTY_READ: "nobody reads {target} between its two writes: one lock around both, taken by every reader",
    INTERLEAVED: "what belongs together in {target} is written at once: one write, or one lock around all of them",
    OVERWRITTEN: "each task has a {target} of its own, or its write and its use are under one lock",
    LOCK_ORDER: "every task takes {target} in the same order",
    SELF_DEADLOCK: "no task waits for {target} while it has it: call without the lock, or an RLock",
    NEVER_RELEASED: "{target} is released on every path, also when an exception leaves: `with {target}:`",
    LEAKED_LOCK: "{target} is given back also when the task is cancelled between acquire and release: "
    "`async with {target}:`, or the release in a `finally` that begins right after the acquire",
    LOST_ITEM: "an item of {target} is safe whenever the task can be cancelled: no await with a timeout around "
    "the get, or the item is put back when CancelledError comes",
    SWALLOWED: "CancelledError is raised again after the cleaning up: no `except BaseException` and no bare `except` "
    "around an await that goes on",
    LOOP_TOUCHED: "a thread that does not run the loop reaches {target} by loop.call_soon_threadsafe or "
    "asyncio.run_coroutine_threadsafe alone",
    MISSED_SIGNAL: "the waiting task checks the state under the lock before it waits, and the state changes "
    "under the same lock before {target} is signalled",
    SIGNAL_BEFORE_WAIT: "what {target} signals is kept as state, which the waiting task checks under the lock "
    "before it waits: nobody hears a signal that comes first",
    DOUBLE_RELEASE: "each acquire of {target} has one release: `with {target}:`",
    UNLOCKED_BY_ANOTHER: "only the task that has taken {target} gives it back",
    PUBLISHED: "the object is complete before others can find it: its last write comes before "
    "the one that publishes it",
    TORN_READ: "the fields of one state are read and written under one lock, or replaced as one object",
    NO_RECHECK: "the condition is checked again after each wait: `while`, not `if`",
    ACKNOWLEDGED: "the acknowledgement comes after the work is done and safe; until then it can be delivered again",
    LEASE_OUTLIVED: "the holder renews {target} while it works, and a write by a holder whose lease ran out "
    "is refused (a fencing token)",
    STALE_READ: "{target} is dropped or made anew when what it was made from is written, also by who has read that "
    "before and keeps it only now: one lock around both, or a version that is compared",
    ORDER_VIOLATION: "the read of {target} comes after the write: join, an event, or a queue",
    UNORDERED: "something orders the two: a lock that both hold, a queue or an event between them, or a join",
    CHANGED_WHILE_ITERATED: "nobody changes {target} while it is iterated: iterate over a copy that is made "
    "under the writers' lock",
}

_FIXES_OF_FILES = {
    CHECK_THEN_ACT: "the check is the act: mode 'x' and FileExistsError, or os.replace, or one lock "
    "(fcntl.flock between processes) around both",
    LOST_UPDATE: "no other task writes {target} between a task's read of it and its write: one lock around both "
    "(fcntl.flock between processes), taken by every writer",
    TORN_READ: "nobody sees {target} half written: written under another name and put in its place by os.replace, "
    "or read and written under one lock",
}
_FIXES_OF_TABLES = {
    CHECK_THEN_ACT: "the check is the act, or both are in one transaction that begins with BEGIN IMMEDIATE; "
    "a UNIQUE constraint refuses the second",
    LOST_UPDATE: "the read of {target} and its write are one statement (SET n = n + 1), or in one transaction that "
    "begins with BEGIN IMMEDIATE, or the write says which version it replaces",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One named pattern.

    `target` is the location or lock; `evidence` are the key events in order; `remarks` says for some of
    them (by event number) why they matter; `key` is the line to look at first.
    """

    pattern: str
    target: str
    evidence: tuple[Event, ...]
    key: SourceLine | None
    remarks: tuple[tuple[int, str], ...] = ()

    @property
    def title(self) -> str:
        """The finding's title in one line: `lost update of Counter.value`."""
        return _TITLES.get(self.pattern, self.pattern + " of {target}").replace("{target}", self.target)

    @property
    def fix(self) -> str:
        """What must hold for the fix, in one line."""
        stored = (
            _FIXES_OF_FILES if self.target.startswith("file ") else _FIXES_OF_TABLES if is_stored(self.target) else {}
        )
        return stored.get(self.pattern, _FIXES[self.pattern]).replace("{target}", self.target)
