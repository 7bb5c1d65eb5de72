"""Names for executions in which nobody can go on: from the tasks that wait and what they did before."""

from __future__ import annotations

from collections.abc import Sequence

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.vocabulary import Role, role, subject, timed_out, verb
from unblink.model.finding import Event, Finding, Waiting


def cycle(waiting: Sequence[Waiting]) -> tuple[Waiting, ...]:
    """Return the first waits-for cycle, beginning with its lowest task, or nothing when there is none."""
    by_task = {entry.task: entry for entry in waiting}
    for start in sorted(by_task):
        path: list[Waiting] = []
        task: int | None = start
        while task is not None and task in by_task and by_task[task] not in path:
            path.append(by_task[task])
            task = by_task[task].owner
        if task == start:
            return tuple(path)
    return ()


def waiting_diagnosis(finding: Finding) -> Diagnosis | None:
    """Return what the waiting tasks prove: a cycle, a lock never given back, a signal that came first."""
    loop = cycle(finding.waiting)
    if loop and all(_is_lock(entry) for entry in loop):
        return _inversion(finding, loop) if len(loop) > 1 else _self_deadlock(finding, loop[0])
    for entry in finding.waiting:
        found = _missed_signal(finding, entry) or _never_released(finding, entry)
        if found:
            return found
    return None


def missed_by_timeout(events: Sequence[Event]) -> Diagnosis | None:
    """Return a missed signal whose waiter gave up: notified before it waited, never after."""
    for index, event in enumerate(events):
        if role(event) is Role.WAIT and timed_out(event):
            signal = _signal_before(events, subject(event), event.task, index)
            if signal:
                return _missed(subject(event), signal, event)
    return None


def _in_wait(entry: Waiting) -> bool:
    """Return whether an acquire is the inside of a `wait`: that is how threading builds one."""
    return ".wait" in entry.target or any(".wait(" in at.text for at in entry.stack[:3])


def _is_lock(entry: Waiting) -> bool:
    return "acquire" in entry.operation or "lock" in entry.operation.lower()


def _inversion(finding: Finding, loop: tuple[Waiting, ...]) -> Diagnosis:
    evidence: list[Event] = []
    remarks: list[tuple[int, str]] = []
    for entry in loop:
        waits = _last(finding.events, entry.task, entry.target)
        held_by = next((other for other in loop if other.owner == entry.task), None)
        holds = _last(finding.events, entry.task, held_by.target) if held_by else None
        evidence += [event for event in (holds, waits) if event]
        if waits:
            remarks.append((waits.number, f"waits for {{task:{entry.owner}}}"))
    evidence = sorted(dict.fromkeys(evidence), key=lambda event: event.number)
    order = [*(event.target for event in evidence), *(entry.target for entry in loop)]
    targets = " and ".join(dict.fromkeys(order))
    stack = loop[0].stack
    key = stack[0] if stack else (evidence[0].at if evidence else None)
    return Diagnosis(names.LOCK_ORDER, targets, tuple(evidence), key, tuple(remarks))


def _self_deadlock(finding: Finding, entry: Waiting) -> Diagnosis:
    taken = [event for event in finding.events if event.task == entry.task and event.target == entry.target]
    evidence = tuple(taken[-2:])
    key = entry.stack[0] if entry.stack else (evidence[-1].at if evidence else None)
    return Diagnosis(names.SELF_DEADLOCK, entry.target, evidence, key)


def _never_released(finding: Finding, entry: Waiting) -> Diagnosis | None:
    if entry.owner is None or not _is_lock(entry) or any(other.task == entry.owner for other in finding.waiting):
        return None
    taken = _last(finding.events, entry.owner, entry.target, Role.ACQUIRE)
    if taken is None:
        return None
    waits = _last(finding.events, entry.task, entry.target)
    evidence = tuple(event for event in (taken, waits) if event)
    return Diagnosis(names.NEVER_RELEASED, entry.target, evidence, taken.at, ((taken.number, "and never released"),))


def _missed_signal(finding: Finding, entry: Waiting) -> Diagnosis | None:
    events = finding.events
    waits = [index for index, event in enumerate(events) if event.task == entry.task and role(event) is Role.WAIT]
    if not waits or (entry.operation == "acquire" and not _in_wait(entry)):
        return None
    target = subject(events[waits[-1]])
    begin = waits[-1]
    while begin > 0 and (begin - 1) in waits and subject(events[begin - 1]) == target:
        begin -= 1  # a call may show as several steps (release, wait, acquire): the first of them began to wait
    signal = _signal_before(events, target, entry.task, begin)
    return _missed(target, signal, events[begin]) if signal else None


def _signal_before(events: Sequence[Event], target: str, waiter: int, index: int) -> Event | None:
    """Return the last signal of `target` by another task before `index`, if none came after."""
    signals = [
        (position, event)
        for position, event in enumerate(events)
        if event.task != waiter and role(event) is Role.NOTIFY and subject(event) == target
    ]
    if not signals or any(position > index for position, _ in signals):
        return None
    last = signals[-1][1]
    return None if verb(last) == "set" else last  # an Event stays set: it cannot be missed


def _missed(target: str, signal: Event, waits: Event) -> Diagnosis:
    remarks = ((signal.number, f"before {{task:{waits.task}}} waits: nobody hears it"),)
    return Diagnosis(names.MISSED_SIGNAL, target, (signal, waits), waits.at, remarks)


def _last(events: Sequence[Event], task: int, target: str, wanted: Role | None = None) -> Event | None:
    for event in reversed(events):
        same = event.task == task and event.target == target
        if same and role(event) is not Role.RELEASE and wanted in (None, role(event)):
            return event
    return None
