"""Names for executions in which nobody can go on: from the tasks that wait and what they did before."""

from __future__ import annotations

from collections.abc import Sequence

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.vocabulary import Role, is_check, role, subject, timed_out, touches, verb
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
    rules = (_missed_signal, _never_released, _leaked, _held_by_itself, _overtaken)
    for rule in rules:
        for entry in finding.waiting:
            found = rule(finding, entry)
            if found:
                return found
    return None


def missed_by_timeout(events: Sequence[Event]) -> Diagnosis | None:
    """Return a missed signal whose waiter gave up: notified before it waited, never after."""
    for index, event in enumerate(events):
        if role(event) is Role.WAIT and timed_out(event):
            signal = _signal_before(events, subject(event), event.task, index)
            if signal:
                return _missed(subject(event), signal, event, events)
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


def _leaked(finding: Finding, entry: Waiting) -> Diagnosis | None:
    """Return what a task took and still had when it ended: a permit, or a lock."""
    if not _is_lock(entry):
        return None
    ended = {event.task for event in finding.events if role(event) is Role.END}
    for task in sorted(ended):
        open_ones: list[Event] = []
        for event in finding.events:
            if event.task != task or event.target != entry.target or timed_out(event):
                continue
            if role(event) is Role.ACQUIRE:
                open_ones.append(event)
            elif role(event) is Role.RELEASE and open_ones:
                open_ones.pop()
        freed_by_others = any(
            event.task != task and role(event) is Role.RELEASE and event.number > open_ones[0].number
            for event in finding.events
            if open_ones and event.target == entry.target and not _had_it(finding.events, event)
        )
        if open_ones and not freed_by_others:
            waits = _last(finding.events, entry.task, entry.target)
            evidence = (open_ones[0], waits) if waits and waits.number > open_ones[0].number else (open_ones[0],)
            remarks = ((open_ones[0].number, f"and never given back: {{task:{task}}} has ended"),)
            return Diagnosis(names.NEVER_RELEASED, entry.target, evidence, open_ones[0].at, remarks)
    return None


def _had_it(events: Sequence[Event], release: Event) -> bool:
    """Return whether the task of `release` had taken what it gives back."""
    balance = 0
    for event in events:
        if event.number >= release.number:
            break
        if event.task == release.task and event.target == release.target and not timed_out(event):
            balance += {Role.ACQUIRE: 1, Role.RELEASE: -1}.get(role(event), 0)
    return balance > 0


def _held_by_itself(finding: Finding, entry: Waiting) -> Diagnosis | None:
    if not _is_lock(entry) or _in_wait(entry) or entry.owner is not None:
        return None
    steps = [e for e in finding.events if e.target == entry.target and role(e) in (Role.ACQUIRE, Role.RELEASE)]
    if not steps or steps[-1].task != entry.task or role(steps[-1]) is not Role.ACQUIRE:
        return None
    return _self_deadlock(finding, entry) if {e.task for e in steps} == {entry.task} else None


def _overtaken(finding: Finding, entry: Waiting) -> Diagnosis | None:
    """A task looked whether it would have to wait, another was faster, and now it waits for ever."""
    own = [e for e in finding.events if e.task == entry.task and touches(subject(e), entry.target)]
    if not own or verb(own[-1]) not in ("get", "put", "acquire"):
        return None
    wait = own[-1]
    look = own[-2] if len(own) > 1 and role(own[-2]) is Role.READ and is_check(own[-2]) else None
    if look is None:
        return None
    between = (e for e in finding.events if look.number < e.number < wait.number and e.task != entry.task)
    taken = next((e for e in between if subject(e) == entry.target and role(e) is role(wait)), None)
    if taken is None:
        return None
    remarks = ((taken.number, f"between {{task:{entry.task}}}'s check and its {verb(wait)}"),)
    return Diagnosis(names.CHECK_THEN_ACT, entry.target, (look, taken, wait), look.at, remarks)


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
    return _missed(target, signal, events[begin], events) if signal else None


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
    stays = verb(last) == "set" and _cleared(events, last, index) is None
    return None if stays else last  # an Event stays set: it can only be missed if somebody clears it


def _cleared(events: Sequence[Event], signal: Event, index: int) -> Event | None:
    later = (event for event in events[:index] if event.number > signal.number)
    return next((e for e in later if verb(e) == "clear" and subject(e) == subject(signal)), None)


def _missed(target: str, signal: Event, waits: Event, events: Sequence[Event]) -> Diagnosis:
    """Name it by whether the waiting task had looked before the signal came: then it was overtaken."""
    if verb(signal) == "set":
        cleared = _cleared(events, signal, len(events))
        assert cleared is not None
        wiped = ((cleared.number, f"wipes out #{signal.number}"),)
        return Diagnosis(names.MISSED_SIGNAL, target, (signal, cleared, waits), cleared.at, wiped)
    remarks = ((signal.number, f"before {{task:{waits.task}}} waits: nobody hears it"),)
    looked = next((e for e in events if e.task == waits.task and role(e) is Role.READ and is_check(e)), None)
    if looked is None or looked.number > signal.number:
        return Diagnosis(names.SIGNAL_BEFORE_WAIT, target, (signal, waits), waits.at, remarks)
    return Diagnosis(names.MISSED_SIGNAL, target, (looked, signal, waits), looked.at, remarks)


def _last(events: Sequence[Event], task: int, target: str, wanted: Role | None = None) -> Event | None:
    for event in reversed(events):
        same = event.task == task and event.target == target
        if same and role(event) is not Role.RELEASE and wanted in (None, role(event)):
            return event
    return None
