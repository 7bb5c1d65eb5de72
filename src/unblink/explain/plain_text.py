"""Text from strangers made fit to be printed.

Names, values and messages come from the program under test, so they may hold escape sequences, line
breaks, bidirectional overrides or megabytes. Whatever is printed goes through `neutral` first: a report
must not let a value recolour the terminal, forge a line of the report or fail while it reports.
"""

from __future__ import annotations

import math
import unicodedata

ELLIPSIS = "…"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NO_WIDTH = frozenset({"Mn", "Me"})


def neutral(value: object, limit: int = 200) -> str:
    """Return `value` as one line of printable characters, cut to about `limit` of them.

    Control, format, private and surrogate characters become visible escapes (`\\x1b`, `\\u202e`). Objects
    that are not strings are shown by `str`, and an object whose `str` raises by its type.
    """
    text = _text_of(value)
    cut = len(text) > limit
    text = text[:limit]
    if not text.isprintable():
        text = "".join(_visible(character) for character in text)
    return text + ELLIPSIS if cut else text


def neutral_lines(value: object, limit: int = 60, width: int = 200) -> list[str]:
    """Return the lines of `value`, each neutral; of more than `limit` the middle is left out and counted."""
    lines = _text_of(value)[:1_000_000].split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) > limit:
        head = limit // 2
        tail = limit - head - 1
        gap = f"{ELLIPSIS} {len(lines) - head - tail} lines not shown"
        lines = [*lines[:head], gap, *lines[len(lines) - tail :]]
    return [neutral(line.rstrip().expandtabs(4), width) for line in lines]


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def clip(text: str, width: int) -> str:
    """Return `text` cut to `width` cells; the last cell then is an ellipsis."""
    if len(text) <= 4 * width and cells(text) <= width:
        return text
    if width <= 0:
        return ""
    kept: list[str] = []
    used = 0
    for character in text:
        used += _cells_of(character)
        if used > width - 1 or len(kept) >= 4 * width:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def pad(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells: cut if longer, filled with blanks if shorter."""
    text = clip(text, width)
    return text + " " * (width - cells(text))


def wrap(text: str, width: int, lines: int) -> list[str]:
    """Return `text` broken at blanks into at most `lines` lines of `width` cells; the rest is cut."""
    broken: list[str] = []
    rest = text
    while len(broken) < lines - 1 and cells(rest) > width:
        at = _break_at(rest, width)
        broken.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    broken.append(clip(rest, width))
    return broken


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 task`, `2 tasks`: a report is read by people."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def seconds(value: object) -> str:
    """Return a virtual time as `0.5 s` or `35 s`: at most six digits after the point."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return f"{neutral(value, 20)} s"
    if not math.isfinite(number) or abs(number) >= 1e15:
        return f"{number:g} s"
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    if text in ("0", "-0") and number:
        text = f"{number:.1e}"
    return f"{'0' if text == '-0' else text} s"


def _text_of(value: object) -> str:
    if type(value) is str:
        return value
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) not in _INVISIBLE | {"Zs"}:
        return character
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _cells_of(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _break_at(text: str, width: int) -> int:
    """Return where to break: at the last blank or arrow that fits, else at the edge (always progresses)."""
    edge = 0
    used = 0
    for character in text:
        used += _cells_of(character)
        if used > width:
            break
        edge += 1
    edge = max(edge, 1)
    best = max(text.rfind(mark, 1, edge + 1) for mark in " →←")
    return best if best > width // 3 else edge
