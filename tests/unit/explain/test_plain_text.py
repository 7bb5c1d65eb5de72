from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unblink.explain.plain_text import cells, clip, neutral, neutral_lines, pad, seconds, wrap


@given(st.text(alphabet=st.characters(), max_size=400))
def test_neutral_text_is_one_printable_line(text: str) -> None:
    shown = neutral(text)
    assert "\n" not in shown and "\x1b" not in shown and len(shown) <= 2100
    shown.encode("utf-8")


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_clipped_or_padded_text_has_the_width_asked_for(text: str, width: int) -> None:
    assert cells(clip(text, width)) <= width
    assert cells(pad(neutral(text), width)) == width


@given(st.text(max_size=200), st.integers(3, 40), st.integers(1, 5))
def test_wrapped_lines_fit(text: str, width: int, lines: int) -> None:
    broken = wrap(neutral(text), width, lines)
    assert len(broken) <= lines and all(cells(line) <= width for line in broken)


def test_an_object_whose_str_raises_is_shown_by_its_type() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    assert neutral(Hostile()) == "<Hostile>"


def test_long_texts_keep_their_ends_and_count_the_middle() -> None:
    lines = neutral_lines("\n".join(map(str, range(100))), limit=11)
    assert lines[0] == "0" and lines[-1] == "99" and "… 90 lines not shown" in lines


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.5, "0.5 s"),
        (35.0, "35 s"),
        (0, "0 s"),
        (-0.0, "0 s"),
        (1e-9, "1.0e-09 s"),
        (float("nan"), "nan s"),
        ("?", "? s"),
    ],
)
def test_seconds_are_written_for_people(number: object, text: str) -> None:
    assert seconds(number) == text
