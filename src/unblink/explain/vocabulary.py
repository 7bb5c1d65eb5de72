"""What an event is about: the roles of operations, read from the words that events carry.

Events come from several rooms and spell the same thing in several ways (`acquire` of `lock`, `lock.acquire in
Condition.wait`). The rules that name patterns and choose what to show must not depend on the spelling, so
they ask here.
"""

from __future__ import annotations

import enum
import re

from unblink.model.finding import Event


class Role(enum.Enum):
    """The kind of a visible operation, as far as explanations care."""

    READ = "read"
    WRITE = "write"
    UPDATE = "update"
    ACQUIRE = "acquire"
    RELEASE = "release"
    WAIT = "wait"
    NOTIFY = "notify"
    PUT = "put"
    GET = "get"
    SLEEP = "sleep"
    START = "start"
    JOIN = "join"
    END = "end"
    STALL = "stall"
    RAISE = "raise"
    CANCEL = "cancel"
    OTHER = "other"


_ROLES = {role.value: role for role in Role} | {
    "delete": Role.WRITE,
    "commit": Role.UPDATE,
    "acquire_lock": Role.ACQUIRE,
    "release_lock": Role.RELEASE,
    "wait_for": Role.WAIT,
    "notify_all": Role.NOTIFY,
    "set": Role.NOTIFY,
    "put_nowait": Role.PUT,
    "get_nowait": Role.GET,
    "exit": Role.END,
    "begin": Role.START,
}
WRITING = frozenset({Role.WRITE, Role.UPDATE})
ACCESSING = frozenset({Role.READ, Role.WRITE, Role.UPDATE})
BLOCKING = frozenset({Role.ACQUIRE, Role.WAIT, Role.GET, Role.PUT, Role.JOIN, Role.SLEEP})
_CALLED = {"wait", "wait_for", "notify", "notify_all", "set", "put", "get", "join", "acquire"}
_TIMED_OUT = ("timed out", "timeout", "full", "empty", "expired")
_RECEIVER = re.compile(r"([A-Za-z_][\w.]*(?:\[[^\]]*\])?)\.(\w+)\s*\(")
_CHECK = re.compile(r"^\s*(if|elif|while|assert|case)\b|\bif\b.*\belse\b|\bnot in\b|\bis (not )?None\b")


def verb(event: Event) -> str:
    """Return the bare verb of `event`: `acquire` for `lock.acquire in Condition.wait`."""
    words = event.operation.split(" in ", 1)[0].split()
    return words[0].rsplit(".", 1)[-1].lower() if words else ""


def role(event: Event) -> Role:
    """Return what `event` does. A library call that was passed through says more than its lock."""
    call = _passed_through(event)
    if call in _CALLED:
        return _ROLES[call]
    return _ROLES.get(verb(event), Role.OTHER)


def subject(event: Event) -> str:
    """Return what `event` is about, as the source names it: the receiver, for a step of a library call."""
    call = _passed_through(event)
    if not call:
        return event.target
    for receiver, name in _RECEIVER.findall(event.at.text):
        if name == call:
            return str(receiver)
    return event.target.split(" in ", 1)[0]


def touches(one: str, other: str) -> bool:
    """Return whether two targets overlap: the same, or a container and one of its items."""
    if not one or not other:
        return False
    if one == other:
        return True
    long, short = (one, other) if len(one) > len(other) else (other, one)
    return long.startswith(short) and long[len(short)] == "["


def is_stored(target: str) -> bool:
    """Return whether a target is kept in no variable of the program: a file, a stream, a table, a database."""
    return target.startswith(("file ", "stream ", "table ", "database"))


def is_check(event: Event) -> bool:
    """Return whether `event` stands in a line that decides: `if`, `while`, `assert`, `x if y else z`."""
    return bool(_CHECK.search(event.at.text))


def timed_out(event: Event) -> bool:
    """Return whether `event` is an operation that gave up because its time was over."""
    if event.value is None or role(event) not in BLOCKING:
        return False
    value = event.value.strip().lower()
    return value.startswith(_TIMED_OUT) or (value == "false" and role(event) in (Role.ACQUIRE, Role.WAIT))


def mentions(event: Event, words: re.Pattern[str]) -> bool:
    """Return whether `words` are found where `event` happens: in its target, its line or its function."""
    return any(words.search(text) for text in (event.target, event.operation, event.at.text, event.at.function))


def is_named_there(event: Event) -> bool:
    """Return whether the line of `event` names what it is about, and not what a library does with a lock of its own."""
    name = re.split(r"[^\w.]", event.target, maxsplit=1)[0].rsplit(".", 1)[-1]
    return name in event.at.text


def same_step(one: Event, other: Event) -> bool:
    """Return whether two events of two executions are the same step of the same task."""
    return (one.task, one.operation, one.target, one.at.file, one.at.line) == (
        other.task, other.operation, other.target, other.at.file, other.at.line,
    )  # fmt: skip


def _passed_through(event: Event) -> str:
    for text in (event.operation, event.target):
        before, found, after = text.partition(" in ")
        if found and before and re.fullmatch(r"[\w.]+", after):
            return after.rsplit(".", 1)[-1]
    return ""
