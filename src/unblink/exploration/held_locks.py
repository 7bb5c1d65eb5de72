"""Which locks each task has, followed from the events of a report."""

from __future__ import annotations

from unblink.model.site import SourceLine


class HeldLocks:
    """Locks by task, as the events come; a lock has the name that reports give it.

    An asyncio task is told to acquire when it begins to: if it awaits next, at the same line, it has not got it yet.
    """

    def __init__(self) -> None:
        self._held: dict[int, list[str]] = {}
        self._began: dict[int, tuple[str, SourceLine]] = {}
        self._awaits: dict[int, str] = {}

    def of(self, task: int) -> tuple[str, ...]:
        """Return the locks that `task` has, in the order in which it took them."""
        return tuple(self._held.get(task, ()))

    def holder(self, lock: str) -> int | None:
        """Return a task that has `lock`, the one that took it last if there are several."""
        holders = [task for task, locks in self._held.items() if lock in locks]
        return holders[-1] if holders else None

    def note(self, verb: str, task: int, lock: str, at: SourceLine, *, gave_up: bool) -> None:
        """Take in an event; `gave_up` says that it was in vain."""
        if verb == "await":
            began = self._began.pop(task, None)
            if began is not None and began[1].line == at.line and began[1].file == at.file:
                self._held[task].remove(began[0])
                self._awaits[task] = began[0]
            return
        awaited = self._awaits.pop(task, None)
        if awaited is not None and verb != "cancel":
            self._held.setdefault(task, []).append(awaited)
        self._began.pop(task, None)
        if verb == "acquire" and not gave_up:
            self._held.setdefault(task, []).append(lock)
            self._began[task] = (lock, at)
        elif verb == "release" and not gave_up:
            for locks in (self._held.get(task, []), *self._held.values()):
                if lock in locks:
                    locks.reverse()
                    locks.remove(lock)
                    locks.reverse()
                    return
