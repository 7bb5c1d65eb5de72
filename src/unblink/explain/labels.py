"""How a report names tasks, places and values: short, unambiguous and harmless."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from unblink.explain.plain_text import clip, neutral
from unblink.explain.vocabulary import Role, is_stored, role
from unblink.model.finding import Event, Finding
from unblink.model.site import SourceLine

_TASK = re.compile(r"\{task:(-?\d+|None)\}")
_ARROWS = {
    Role.READ: "→",
    Role.GET: "→",
    Role.WRITE: "←",
    Role.UPDATE: "←",
    Role.PUT: "←",
}


def task_labels(finding: Finding, width: int = 24) -> dict[int, str]:
    """Return a name for every task that `finding` mentions; equal names get their creation path added."""
    labels = {task.id: clip(neutral(task.name) or f"task {task.id}", width) for task in finding.tasks}
    twice = Counter(labels.values())
    for task in finding.tasks:
        if twice[labels[task.id]] > 1:
            labels[task.id] = clip(labels[task.id], width - 8) + f" ({clip(neutral(task.path), 10)})"
    mentioned = [event.task for event in (*finding.events, *finding.passing)]
    mentioned += [entry.task for entry in finding.waiting]
    mentioned += [entry.owner for entry in finding.waiting if entry.owner is not None]
    for task_id in mentioned:
        if task_id not in labels:
            labels[task_id] = f"task {neutral(task_id, 12)}"
    return labels


def label_of(labels: Mapping[int, str], task: int | None) -> str:
    """Return the name of `task`, also of one that nobody has named."""
    return "nobody" if task is None else labels.get(task, f"task {neutral(task, 12)}")


def with_labels(remark: str, labels: Mapping[int, str]) -> str:
    """Return `remark` with its `{task:3}` replaced by names."""

    def named(found: re.Match[str]) -> str:
        return label_of(labels, None if found[1] == "None" else int(found[1]))

    return neutral(_TASK.sub(named, remark), 300)


def place(at: SourceLine | None) -> str:
    """Return `counter.py:13`: the file's last name and the line, as columns show it; for what is no line, its name."""
    if at is None:
        return "?"
    if not at.file:
        return neutral(at.function, 32)
    name = neutral(at.file, 400).replace("\\\\", "/").rsplit("/", 1)[-1]
    return f"{clip(name, 32)}:{neutral(at.line, 12)}"


def full_place(at: SourceLine | None) -> str:
    """Return `src/counter.py:13 in bump`, the file cut at its front when it is very long."""
    if at is None:
        return "?"
    name = neutral(at.file, 400)
    if len(name) > 60:
        name = "…/" + "/".join(name.split("/")[-2:])[-58:]
    function = clip(neutral(at.function), 60)
    return f"{name}:{neutral(at.line, 12)}" + (f" in {function}" if function else "")


def locks(held: tuple[str, ...]) -> str:
    """Return the locks held as text, `none` when there are none."""
    return ", ".join(clip(neutral(name), 40) for name in held[:6]) + ("…" if len(held) > 6 else "") or "none"


def deed(event: Event, *, short: bool = False) -> str:
    """Return what `event` does in one phrase, `read Counter.value → 0`; `short` drops the target's owner."""
    target = neutral(event.target, 80)
    if short:
        target = shortened(target)
    words = [clip(neutral(event.operation), 40), target]
    if event.value is not None and neutral(event.value):
        value = neutral(event.value, 40)
        arrow = _ARROWS.get(role(event))
        if short and arrow:
            words[-1] += arrow + value
        else:
            words.append(f"{arrow} {value}" if arrow else f"({value})")
    return " ".join(word for word in words if word)


def shortened(target: str) -> str:
    """Return `value` for `Counter.value`, `rows['a']` for `self.rows['a']`, `poll.json` for `file poll.json`."""
    if is_stored(target):
        return target.partition(" ")[2] or target
    head, bracket, tail = target.partition("[")
    return head.rsplit(".", 1)[-1] + bracket + tail
