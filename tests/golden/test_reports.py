"""Reports are compared to the letter; `python tests/golden/reports.py --write` makes the files anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import reports

from unblink.explain.plain_text import cells

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("name", reports.REPORTS)
def test_a_report_is_as_it_was(name: str) -> None:
    assert reports.report(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", reports.REPORTS)
def test_a_report_keeps_within_a_hundred_columns_but_for_the_line_to_paste(name: str) -> None:
    lines = [line for line in reports.report(name).split("\n") if "replay: " not in line]
    assert max(map(cells, lines)) <= 100


def test_every_golden_file_belongs_to_a_report() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(reports.REPORTS)
