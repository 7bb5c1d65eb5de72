"""The head of a report: what it is, which accesses prove it, why it can happen, the fix."""

from __future__ import annotations

from collections.abc import Mapping

from unblink.explain.diagnosis import Diagnosis
from unblink.explain.labels import full_place, label_of, locks, with_labels
from unblink.explain.plain_text import cells, clip, count, neutral, neutral_lines, pad, seconds, wrap
from unblink.explain.styled import LABEL, Line, labelled
from unblink.explain.vocabulary import verb
from unblink.model.finding import Finding, Gil, Kind

_WORDS = {
    Kind.ATOMICITY_VIOLATION: "race",
    Kind.RACE: "race",
    Kind.LOST_EXCEPTION: "lost exception",
    Kind.NEVER_AWAITED: "never awaited",
    Kind.LOOP_TOUCHED: "race",
}
_CREATED = 6  # more tasks are counted


def title(finding: Finding, diagnosis: Diagnosis | None, width: int) -> list[Line]:
    """Return the first line: the kind, the title, and the slug of the kind at the right edge."""
    kind = str(getattr(finding.kind, "value", finding.kind))
    slug = f"[note: {kind}]" if finding.is_note else f"[{kind}]"
    text = finding.title
    if diagnosis is not None and (finding.pattern is None or not text):
        text = diagnosis.title
    word = _WORDS.get(finding.kind, kind)
    said = neutral(text or finding.message or "no title", 300)
    whole = said if said.startswith(f"{word}: ") else f"{word}: {said}"
    room = width - len(slug) - 1
    return [Line(pad(whole, room) + " " + slug, "note" if finding.is_note else "title")]


def accesses(diagnosis: Diagnosis | None, labels: Mapping[int, str], width: int) -> list[Line]:
    """Return one line for each event of the evidence, with the locks held and the remark why it matters."""
    if diagnosis is None:
        return []
    remarks = dict(diagnosis.remarks)
    fronts = [f"{label_of(labels, event.task)} @ {full_place(event.at)}" for event in diagnosis.evidence]
    room = min(max((cells(front) for front in fronts), default=0), width - LABEL - 10)
    lines: list[Line] = []
    for front, event in zip(fronts, diagnosis.evidence, strict=True):
        label = clip(neutral(verb(event)) or "does", LABEL - 1)
        text = f"{label:>{LABEL - 1}}: {pad(front, room)}  #{event.number:<4} locks: {locks(event.held)}"
        remark = with_labels(remarks.get(event.number, ""), labels)
        if remark and cells(text) + cells(remark) + 4 <= width:
            lines.append(Line(f"{text}  ← {remark}"))
            continue
        lines.append(Line(clip(text, width)))
        if remark:
            lines.append(Line(clip(" " * (LABEL + 1) + f"↑ {remark}", width)))
    return lines


def where(finding: Finding, diagnosis: Diagnosis | None, width: int) -> list[Line]:
    """Return the line of source to look at first, when no access line shows it already."""
    at = (diagnosis.key if diagnosis else None) or finding.where
    if at is None:
        return []
    source = neutral(at.text.strip(), 120)
    text = full_place(at) + (f"    {source}" if source else "")
    return labelled("at", text, width, lines=1)


def message(finding: Finding, width: int) -> list[Line]:
    """Return what the oracle said: the exception's text, at most six lines of it."""
    texts = [text for text in neutral_lines(finding.message, limit=6, width=width) if text]
    if not texts or (len(texts) == 1 and texts[0] == finding.title):
        return []
    front = f"{'says':>{LABEL - 1}}: "
    return [Line(clip((front if index == 0 else " " * len(front)) + text, width)) for index, text in enumerate(texts)]


def created(finding: Finding, diagnosis: Diagnosis | None, labels: Mapping[int, str], width: int) -> list[Line]:
    """Return where the tasks of the evidence were made, those of one line together."""
    involved = {event.task for event in diagnosis.evidence} if diagnosis else set()
    involved = involved or {entry.task for entry in finding.waiting}
    places: dict[str, list[str]] = {}
    for task in finding.tasks:
        if task.created_at is not None and (not involved or task.id in involved):
            by = f" by {clip(neutral(task.created_by), 24)}" if task.created_by else ""
            places.setdefault(f"{by} @ {full_place(task.created_at)}", []).append(label_of(labels, task.id))
    lines: list[Line] = []
    for at, names in list(places.items())[:_CREATED]:
        rest = f" and {count(len(names) - 4, 'more task')}" if len(names) > 4 else ""
        lines += labelled("created" if not lines else "and", ", ".join(names[:4]) + rest + at, width, lines=2)
    return lines


def stalls(finding: Finding, width: int) -> list[Line]:
    """Return how long which task must be held back, and where."""
    lines: list[Line] = []
    for stall in finding.stalls[:10]:
        after, before = clip(neutral(stall.after), 60), clip(neutral(stall.before), 60)
        between = f"at {before}" if after == before else f"between {after} and {before}"
        others = ", ".join(clip(neutral(name), 24) for name in stall.others[:3])
        more = f" and {count(len(stall.others) - 3, 'more task')}" if len(stall.others) > 3 else ""
        meanwhile = f" (and meanwhile {others}{more})" if others else ""
        text = f"{clip(neutral(stall.task), 24)} held back {seconds(stall.seconds)} {between}{meanwhile}"
        lines += labelled("stall", text, width, lines=3)
    if len(finding.stalls) > 10:
        lines += labelled("stall", f"… {len(finding.stalls) - 10} more not shown", width)
    if finding.is_note:
        need = f"a task to be held back {seconds(finding.needs_stall)} in all" if finding.needs_stall else ""
        lines += labelled("note", "does not fail the run" + (f": it needs {need}" if need else ""), width)
    return lines


def gil(finding: Finding, width: int) -> list[Line]:
    """Return whether CPython with its GIL can switch where the schedule does."""
    reason = neutral(finding.gil_reason, 200)
    if finding.gil is Gil.ONLY_FREE_THREADED:
        text = f"cannot happen{f' ({reason})' if reason else ''}; free-threaded: can"
    elif finding.gil is Gil.CAN_HAPPEN:
        text = "can happen" + (f" ({reason})" if reason else "")
    elif reason:
        text = f"not known ({reason})"
    else:
        return []
    broken = wrap(text, width - 16, 2)
    return [Line(("  with the GIL: " if not index else " " * 16) + part) for index, part in enumerate(broken)]


def assumes(finding: Finding, width: int) -> list[Line]:
    """Return what besides the order of things the failure needs: that asyncio alone would not do it."""
    texts: dict[str, None] = {}
    for step in finding.schedule.preemptions:
        at = f"{neutral(step.site.text.strip(), 60)} in {neutral(step.site.function, 40)}"
        if step.is_cancellation:
            texts[f"somebody cancels the task that is at {at}"] = None
        elif step.site.operation == "resume":
            texts[f"{at} takes more than one turn of the loop, as the input or output for which it stands may"] = None
    lines: list[Line] = []
    for text in list(texts)[:3]:
        lines += labelled("assumes" if not lines else "and", text, width, lines=2)
    return lines


def fix(finding: Finding, diagnosis: Diagnosis | None, width: int) -> list[Line]:
    """Return what must hold when the defect is fixed."""
    text = finding.fix or (diagnosis.fix if diagnosis else "")
    return labelled("to hold", neutral(text, 500), width, "fix") if text else []


def found(finding: Finding, executions: int | None, width: int) -> list[Line]:
    """Return in which execution it was found, and by how many choices it differs from the default order."""
    if not finding.found_at:
        return []
    text = f"execution {finding.found_at}" + (f" of {executions}" if executions else "")
    if len(finding.schedule):
        held = sum(choice.is_stall for choice in finding.schedule.preemptions)
        cancelled = sum(choice.is_cancellation for choice in finding.schedule.preemptions)
        switched = len(finding.schedule) - held - cancelled
        parts = [count(switched, "preemption")] if switched else []
        parts += [count(held, "stall")] if held else []
        parts += [count(cancelled, "cancellation")] if cancelled else []
        text += "; minimised to " + " and ".join(parts)
    return labelled("found in", text, width)


def replay(finding: Finding, width: int) -> list[Line]:
    """Return the line to paste, never cut: half a command is of no use."""
    if not finding.replay:
        return []
    return [Line(f"{'replay':>{LABEL - 1}}: {neutral(finding.replay, 4000)}", "paste")]
