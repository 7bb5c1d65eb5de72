"""Modules are imported and named where a test has made the functions of `os` fail, because they block."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unblink.ground.sources import Sources
from unblink.instrument.selection import Selection


def _blocks(*arguments: object, **keywords: object) -> None:
    raise AssertionError("a blocking call")


def test_a_directory_that_was_seen_before_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = Selection([tmp_path], ())
    assert selection.selects("first", str(tmp_path / "first.py"))
    monkeypatch.setattr(os.path, "realpath", _blocks)
    assert selection.selects("second", str(tmp_path / "second.py"))
    assert not selection.selects("gzip", os.path.join(os.path.dirname(os.__file__), "gzip.py"))


def test_a_link_to_a_directory_of_the_project_is_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "project")
    selection = Selection([tmp_path / "project"], ())
    assert selection.selects("module", str(tmp_path / "link" / "module.py"))


def test_a_file_is_named_without_looking_at_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = Sources(str(tmp_path))
    monkeypatch.setattr(os.path, "abspath", _blocks)
    monkeypatch.setattr(os, "getcwd", _blocks)
    assert sources.relative(str(tmp_path / "tests" / "test_it.py")) == os.path.join("tests", "test_it.py")
    assert sources.relative("script.py") == "script.py"
    assert sources.relative(os.path.join("package", "..", "module.py")) == "module.py"
