"""Short ways to write down an execution in tests."""

from __future__ import annotations

from unblink.model.finding import Event, Finding, Kind, TaskInfo
from unblink.model.site import SourceLine


def at(line: int, text: str = "", function: str = "run", file: str = "a.py") -> SourceLine:
    return SourceLine(file, line, function, text)


def events(*steps: tuple[object, ...]) -> tuple[Event, ...]:
    """Each step is (task, operation, target, line, text[, value[, *flags]]).

    Flags: "!" preempts, a float is the virtual time, a tuple the locks held.
    """
    made = []
    for number, step in enumerate(steps, 1):
        task, operation, target, line, text, *rest = step
        value = rest.pop(0) if rest else None
        held: tuple[str, ...] = next((flag for flag in rest if isinstance(flag, tuple)), ())
        now = next((flag for flag in rest if isinstance(flag, float)), 0.0)
        source = line if isinstance(line, SourceLine) else at(int(str(line)), str(text))
        made.append(
            Event(number, int(str(task)), str(operation), str(target), source, value, held, now, "!" in rest)  # type: ignore[arg-type]
        )
    return tuple(made)


def finding(failing: tuple[Event, ...], kind: Kind = Kind.FAILURE, **fields: object) -> Finding:
    names = sorted({event.task for event in failing} | {0, 1, 2})
    tasks = tuple(TaskInfo(n, f"main/{n}", "main" if n == 0 else f"worker-{n}") for n in names)
    return Finding(kind, "AssertionError", None, None, events=failing, **{"tasks": tasks, **fields})  # type: ignore[arg-type]
