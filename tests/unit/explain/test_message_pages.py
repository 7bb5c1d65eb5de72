"""Every slug has a page, every page a slug: an error without a next step is half an error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "messages"
RAISES = {"UnblinkError", "UsageError", "DivergenceError", "UncontrolledError", "InternalError"}
PASSED_ON = {"slug", "error.slug"}  # a slug that another error or parameter brought along

TOLD_IN_REPORTS = {  # not raised: reports and warnings carry these
    "not-repeatable", "uncontrolled-process", "uncontrolled-blocking-call", "uncontrolled-thread",
    "uncontrolled-socket", "uncontrolled-signal", "uncontrolled-event-loop", "history-dropped", "not-instrumented",
    "step-limit", "interrupted", "bad-marker", "unknown-event-loop",
}  # fmt: skip


def raised_slugs() -> Iterator[tuple[str, str]]:
    """Yield (where, slug) for each error that is made in the sources."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and name_of(node.func) in RAISES:
                first = node.args[0]
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                if isinstance(first, ast.Constant):
                    yield where, str(first.value)
                else:
                    assert ast.unparse(first) in PASSED_ON, (
                        f"{where}: the slug must be a literal, so that it can be found"
                    )


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def native_text() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "native").rglob("*.[ch]pp")))


def pages() -> set[str]:
    return {path.stem for path in PAGES.glob("*.md")} - {"index"}


def test_every_slug_that_is_raised_has_a_page() -> None:
    missing = {where: slug for where, slug in raised_slugs() if slug not in pages()}
    assert not missing


def test_every_page_is_of_a_slug_that_is_raised_or_excused() -> None:
    used = {slug for _, slug in raised_slugs()}
    native = native_text()
    used |= {slug for slug in pages() if f'"{slug}"' in native}
    assert pages() - used - set(TOLD_IN_REPORTS) == set()
    assert set(TOLD_IN_REPORTS) <= pages()


def test_the_index_lists_every_page_once() -> None:
    links = re.findall(r"\]\(([a-z-]+)\.md\)", (PAGES / "index.md").read_text(encoding="utf-8"))
    assert sorted(links) == sorted(pages())


@pytest.mark.parametrize("slug", sorted(pages()))
def test_a_page_tells_fact_evidence_and_next_step(slug: str) -> None:
    text = (PAGES / f"{slug}.md").read_text(encoding="utf-8")
    assert re.findall(r"^#+ (.*)$", text, re.MULTILINE)[1:] == ["Fact", "Evidence", "Next step"]
    assert f"`{slug}`" in text
