"""Lines of a report and their colours. Colour is added last, to text that is harmless already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unblink.explain.plain_text import cells, clip, wrap

LABEL = 10  # the cells that a label of the header takes, its colon included

_COLOURS = {
    "title": "1;31",
    "note": "1;33",
    "head": "1",
    "key": "1",
    "switch": "33",
    "gap": "2",
    "fix": "32",
    "paste": "36",
}
_ASCII = str.maketrans({"←": "<", "→": ">", "│": "|", "…": "~", "┊": ":", "×": "x", "–": "-"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report and its style, a key of the table of colours or `plain`."""

    text: str
    style: str = "plain"


def labelled(label: str, text: str, width: int, style: str = "plain", lines: int = 4) -> list[Line]:
    """Return `label: text` with the label set right, the text wrapped under itself."""
    front = f"{label:>{LABEL - 1}}: "
    broken = wrap(text, max(width - cells(front), 20), lines)
    return [
        Line(clip((front if index == 0 else " " * len(front)) + part, width), style)
        for index, part in enumerate(broken)
    ]


def painted(lines: Iterable[Line], *, color: bool, unicode: bool) -> str:
    """Return the lines as one text: coloured if wanted, in ASCII if the terminal has no more."""
    return "\n".join(_painted(line, color, unicode) for line in lines)


def _painted(line: Line, color: bool, unicode: bool) -> str:
    text = line.text.rstrip()
    if not unicode:
        text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    code = _COLOURS.get(line.style)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code and text else text
