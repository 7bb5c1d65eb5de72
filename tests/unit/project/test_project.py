"""What the project promises about itself: its sources, its pages, its table of options."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LONGEST = 500  # lines; a longer module says why at its top
BANNED = ("manager", "helper", "utils", "misc")
WHY_SO_LONG = re.compile(r"\blong(er)?\b|\bin one (file|place|module)\b", re.IGNORECASE)


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".cpp", ".hpp"} and "__pycache__" not in path.parts:
                yield path


def names_in(path: Path) -> Iterator[str]:
    yield path.stem
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def words_of(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def test_every_module_is_short_or_says_why_at_its_top() -> None:
    too_long = []
    for path in sources("src", "native", "cases", "tests", "benchmarks", "docs"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST and not WHY_SO_LONG.search("\n".join(lines[:15])):
            too_long.append(f"{path.relative_to(ROOT)}: {len(lines)} lines")
    assert not too_long


def test_no_module_class_function_or_variable_has_a_banned_name() -> None:
    banned = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources("src", "native", "cases")
        for name in names_in(path)
        if any(word.rstrip("s") in {b.rstrip("s") for b in BANNED} for word in words_of(name)) or name == "data"
    ]
    assert not banned


def test_inside_the_scheduler_a_task_is_never_called_a_thread() -> None:
    scheduler = [*sources("native/core/strategies"), *sources("src/unblink/schedule")]
    called = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in scheduler
        for name in names_in(path)
        if "thread" in words_of(name)
    ]
    assert not called


def test_the_engine_knows_no_python() -> None:
    for path in sources("native/core"):
        assert not re.search(r'#include\s+[<"]Python\.h', path.read_text(encoding="utf-8")), path


# Files that still tell Pythons apart themselves; what is in them belongs into compat.hpp.
OUTSIDE_COMPAT = {"clocks.cpp", "introspection.cpp", "locks.cpp", "processes.cpp", "threads.cpp"}


def test_no_further_file_tells_pythons_apart_beside_the_one_header() -> None:
    telling = {path.name for path in sources("native/python") if "PY_VERSION_HEX" in path.read_text(encoding="utf-8")}
    assert telling - {"compat.hpp"} <= OUTSIDE_COMPAT


def test_every_strategy_is_built_by_cmake() -> None:
    listed = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for path in (ROOT / "native/core/strategies").glob("*.cpp"):
        assert f"native/core/strategies/{path.name}" in listed


def test_every_page_of_a_message_is_in_the_index_and_every_entry_has_its_page() -> None:
    folder = ROOT / "docs/messages"
    pages = {path.stem for path in folder.glob("*.md")} - {"index"}
    entries = re.findall(
        r"^- \[`([a-z0-9-]+)`\]\(([a-z0-9-]+)\.md\)", (folder / "index.md").read_text(encoding="utf-8"), re.M
    )
    assert {slug for slug, _ in entries} == pages
    assert all(slug == page for slug, page in entries)
    assert len(entries) == len(pages)


def plugin_options() -> dict[str, str]:
    """Return the plugin's options with their ini counterparts (or an empty string)."""
    import unblink_pytest

    class Group:
        def __init__(self, ini: set[str]) -> None:
            self.options: dict[str, str] = {}
            self.ini = ini

        def addoption(self, option: str, **_: object) -> None:
            self.options[option] = ""

    class Parser:
        def __init__(self) -> None:
            self.ini: set[str] = set()
            self.group = Group(self.ini)

        def getgroup(self, *_: object) -> Group:
            return self.group

        def addini(self, name: str, *_: object, **__: object) -> None:
            self.ini.add(name)

    parser = Parser()
    unblink_pytest.pytest_addoption(parser)  # type: ignore[arg-type]
    return {o: o[2:].replace("-", "_") if o[2:].replace("-", "_") in parser.ini else "" for o in parser.group.options}


def test_the_readmes_table_of_options_is_the_plugins() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(--race[a-z-]*)[^`]*` \| (?:`([a-z_]+)`)? ?\|", readme, re.MULTILINE)
    assert dict(rows) == plugin_options()


def test_every_link_in_the_documents_leads_somewhere() -> None:
    broken = []
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert not broken


def test_the_project_speaks_of_itself_alone() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "newsfragments").glob("*.md")]
    for path in [*documents, ROOT / "Makefile", ROOT / "noxfile.py", ROOT / ".ci/run"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(root|work|home)/\w", text), path


def test_every_decision_is_listed_and_has_every_part() -> None:
    folder = ROOT / "docs/decisions"
    index = (folder / "index.md").read_text(encoding="utf-8")
    for page in folder.glob("[0-9]*.md"):
        text = page.read_text(encoding="utf-8")
        assert page.stem in index
        assert text.startswith(f"# {page.stem[:4]}: ")
        for part in ("## The question", "## What was considered", "## The decision", "## What follows"):
            assert part in text, page


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the output blocks were written on Python 3.11")
def test_every_output_block_is_what_its_command_prints() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "docs/outputs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
