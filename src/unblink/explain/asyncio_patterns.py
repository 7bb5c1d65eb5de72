"""Names for what breaks asyncio: a cancelled task that keeps a lock or an item, a loop that another thread touches."""

from __future__ import annotations

from collections.abc import Sequence

from unblink.explain import diagnosis as names
from unblink.explain.diagnosis import Diagnosis
from unblink.explain.vocabulary import Role, role
from unblink.model.finding import Event, Finding, Kind


def cancellation_diagnosis(finding: Finding) -> Diagnosis | None:
    """Return what a cancellation has broken, if the events prove it."""
    return swallowed_cancellation(finding) or _leaked(finding) or _lost_item(finding)


def kept_for_good(finding: Finding) -> Diagnosis | None:
    """Return a lock or permit kept by a cancelled task, for which somebody has then waited in vain.

    That needs no other schedule to compare with.
    """
    found = _leaked(finding)
    if found is None:
        return None
    _, cancelled, *_, wait = found.evidence
    later = [event for event in _cancellations(finding.events) if event.number > cancelled.number]
    return found if any(event.at == wait.at and event.task == wait.task for event in later) else None


def loop_touched(finding: Finding) -> Diagnosis | None:
    """A future of a loop that another thread has set, which wakes nobody."""
    touched = next((event for event in finding.events if event.operation == "touch"), None)
    if touched is None:
        return None
    around = [e for e in finding.events if e.task == touched.task and e.at == touched.at and e.number < touched.number]
    target = around[-1].target if around and role(around[-1]) in (Role.PUT, Role.NOTIFY) else touched.target
    remarks = (
        (touched.number, "puts callbacks into the queue of a loop that runs in another thread: nothing wakes it"),
    )
    return Diagnosis(names.LOOP_TOUCHED, target, (touched,), touched.at, remarks)


def _cancellations(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if role(event) is Role.CANCEL]


def _leaked(finding: Finding) -> Diagnosis | None:
    """A lock or permit that somebody wants, taken by a task that was cancelled and never gave it back."""
    events = finding.events
    for cancel in _cancellations(events):
        for wanted in _wanted_after(cancel, finding):
            steps = [e for e in events if e.task == cancel.task and e.target == wanted]
            before = [e for e in steps if e.number < cancel.number and role(e) in (Role.ACQUIRE, Role.RELEASE)]
            if not before or role(before[-1]) is not Role.ACQUIRE or before[-1].at == cancel.at:
                continue
            later = [e for e in events if e.number > cancel.number and e.target == wanted]
            if any(role(e) is Role.RELEASE for e in later):
                continue
            waits = [e for e in later if e.task != cancel.task or role(e) is Role.ACQUIRE]
            remarks = ((cancel.number, f"is cancelled here: {wanted} stays taken"),)
            return Diagnosis(names.LEAKED_LOCK, wanted, (before[-1], cancel, *waits[-1:]), before[-1].at, remarks)
    return None


def _wanted_after(cancel: Event, finding: Finding) -> list[str]:
    """Return what somebody waits for; where nothing is stuck, what was come for and given up or never got.

    From Python 3.12 on a timeout cancels whoever set it, which may come for the lock again itself.
    """
    if finding.waiting:
        return [entry.target for entry in finding.waiting]
    came = [e for e in finding.events if role(e) is Role.ACQUIRE and e.number > cancel.number]
    return list(dict.fromkeys(e.target for e in came))


def _lost_item(finding: Finding) -> Diagnosis | None:
    """An item that a task had got when it was cancelled."""
    events = finding.events
    for cancel in _cancellations(events):
        mine = next((task.path for task in finding.tasks if task.id == cancel.task), "?")
        family = {task.id for task in finding.tasks if task.is_asyncio and f"{task.path}/".startswith(f"{mine}/")}
        gets = [e for e in events if e.task in family and e.number < cancel.number and role(e) is Role.GET]
        if not gets:
            continue
        got = gets[-1]
        between = [e for e in events if got.number < e.number < cancel.number]
        if any(e.task in family and (role(e) is Role.CANCEL or _keeps(e, cancel)) for e in between):
            continue
        if any(e.task in family and role(e) is Role.PUT and e.target == got.target for e in between):
            continue
        still_waits = got.task == cancel.task and got.at.line == cancel.at.line and not _has_come(got, between)
        if still_waits or _outlives(got, cancel, events):
            continue
        remarks = ((cancel.number, f"is cancelled here, with the item of #{got.number}"),)
        return Diagnosis(names.LOST_ITEM, got.target, (got, cancel), got.at, remarks)
    return None


def _outlives(got: Event, cancel: Event, events: Sequence[Event]) -> bool:
    """Whether the function that got the item goes on after the cancellation: it was for what it called since."""
    place = (got.at.file, got.at.function)
    if got.task != cancel.task or place == (cancel.at.file, cancel.at.function):
        return False
    later = [e for e in events if e.task == got.task and e.number > cancel.number]
    return any((e.at.file, e.at.function) == place for e in later)


def _goes_on(finding: Finding, cancel: Event) -> bool:
    """Whether a task of a livelock awaits again and again after it was cancelled."""
    later = [e for e in finding.events if e.task == cancel.task and e.number > cancel.number and e.operation == "await"]
    return finding.kind is Kind.LIVELOCK and len(later) > 1


def _keeps(event: Event, cancel: Event) -> bool:
    """Whether a write may keep the item; what the cancelled statement itself has written so far is its library's."""
    return role(event) is Role.WRITE and event.at != cancel.at


def _has_come(got: Event, between: Sequence[Event]) -> bool:
    return any(role(event) is Role.PUT and event.target == got.target for event in between)


def swallowed_cancellation(finding: Finding) -> Diagnosis | None:
    """Return a task that was cancelled, caught that, and waits again."""
    for entry in finding.waiting:
        mine = [event for event in _cancellations(finding.events) if event.task == entry.task]
        if mine and (entry.swallowed or _goes_on(finding, mine[-1])):
            remarks = ((mine[-1].number, "is cancelled here, and goes on"),)
            return Diagnosis(names.SWALLOWED, entry.target, (mine[-1],), mine[-1].at, remarks)
    return None
