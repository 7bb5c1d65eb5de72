"""The import hook, the choice of modules, and the cache."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect
import os
import pkgutil
import runpy
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import importing_as_here

from unblink.instrument import Instrumenter, instrumented_imports
from unblink.instrument.cache import cache_path
from unblink.instrument.selection import Selection

SOURCE = "import types\nbox = types.SimpleNamespace(n=0)\ndef bump():\n    box.n += 1\n    return box.n\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    package = tmp_path / "some_project"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "counter.py").write_text(SOURCE)
    (package / "data.txt").write_text("data")
    (package / "__main__.py").write_text("from some_project import counter\nRESULT = counter.bump()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("some_project")]:
        del sys.modules[name]


@pytest.fixture
def imported(instrumented: Any, project: Path) -> Callable[..., Any]:
    def load(**options: Any) -> Any:
        for name in [name for name in sys.modules if name.startswith("some_project")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        with instrumented_imports(Instrumenter(instrumented.register, roots=[project], **options)):
            return importlib.import_module("some_project.counter")

    return load


def cached(project: Path) -> list[Path]:
    return sorted((project / "some_project" / "__pycache__").glob("counter.*unblink*"))


def test_a_module_of_the_project_is_instrumented(instrumented: Any, imported: Any) -> None:
    module = imported()
    assert module.bump() == 1
    assert instrumented.hooks.operations[:2] == ["READ ATTRIBUTE n", "WRITE ATTRIBUTE n"]


def test_a_module_looks_as_if_the_import_system_had_loaded_it(imported: Any, project: Path) -> None:
    module = imported()
    assert module.__file__ == str(project / "some_project" / "counter.py")
    assert module.__spec__.origin == module.__file__
    assert module.__cached__ == importlib.util.cache_from_source(module.__file__)
    assert inspect.getsource(module.bump) == SOURCE[SOURCE.index("def") :]
    assert module.__spec__.loader.get_source("some_project.counter") == SOURCE
    assert importlib.resources.files("some_project").joinpath("data.txt").read_text() == "data"
    assert pkgutil.get_data("some_project", "data.txt") == b"data"
    assert sys.modules["some_project"].__spec__.loader.is_package("some_project")  # type: ignore[union-attr]


def test_a_package_can_be_run_as_a_script(instrumented: Any, project: Path) -> None:
    with instrumented_imports(Instrumenter(instrumented.register, roots=[project])):
        assert runpy.run_module("some_project")["RESULT"] == 1
    assert "WRITE ATTRIBUTE n" in instrumented.hooks.operations


def test_the_second_import_takes_the_code_from_the_cache(
    instrumented: Any, imported: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported()
    assert len(cached(project)) == 1
    monkeypatch.setattr("unblink.instrument.importer.compile_instrumented", None)
    before = len(instrumented.register.sites)
    module = imported()
    assert len(instrumented.register.sites) > before
    assert module.bump() == 1
    assert instrumented.hooks.operations[0] == "READ ATTRIBUTE n"


def test_a_changed_source_is_compiled_again(imported: Any, project: Path) -> None:
    imported()
    path = project / "some_project" / "counter.py"
    stat = path.stat()
    path.write_text(SOURCE.replace("+= 1", "+= 5"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert imported().bump() == 5


@pytest.mark.parametrize("damage", [b"", b"unblink\n", b"garbage" * 100])
def test_a_damaged_file_in_the_cache_is_replaced(imported: Any, project: Path, damage: bytes) -> None:
    imported()
    (path,) = cached(project)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + damage)
    assert imported().bump() == 1
    assert path.read_bytes() == whole


def test_options_have_cached_code_of_their_own(instrumented: Any, imported: Any) -> None:
    imported()
    imported(hook_module_level=True)
    assert imported().bump() == 1
    assert instrumented.hooks.operations[0] == "READ ATTRIBUTE n"


def test_nothing_is_written_where_python_writes_no_bytecode(
    imported: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    imported()
    assert cached(project) == []


def test_the_cache_follows_the_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    path = cache_path("/project/module.py")
    assert path is not None
    assert path.is_relative_to(tmp_path / "elsewhere" / "project")


def test_a_cache_that_cannot_be_written_is_no_error(imported: Any, project: Path) -> None:
    (project / "some_project" / "__pycache__").write_text("a file is in the way")
    assert imported().bump() == 1


def test_two_processes_may_write_the_cache_at_once(project: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(project)!r})
from unblink.instrument import *
class Register:
    def register_sites(self, filename, sites): return 0
first = lambda value, *more: value
install_hooks(dict.fromkeys(HOOKS, first))
with instrumented_imports(Instrumenter(Register(), roots=[{str(project)!r}])):
    import some_project.counter
assert some_project.counter.bump() == 1
"""
    environment = importing_as_here()
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(4)]
    assert [run.wait() for run in runs] == [0] * 4
    assert len(cached(project)) == 1


def test_only_the_projects_own_modules_are_selected(tmp_path: Path) -> None:
    library = sysconfig.get_path("stdlib")
    selection = Selection([tmp_path, library], ["json", "installed.part"])
    for path, name, expected in [
        (tmp_path / "a.py", "a", True),
        (tmp_path / "tests/unit/test_a.py", "test_a", True),
        (tmp_path.parent / "b.py", "b", False),
        (tmp_path / ".venv/lib/python3/site-packages/x.py", "x", False),
        (tmp_path / "env/lib/python3/dist-packages/x.py", "x", False),
        (tmp_path / "site-packages/installed/part/x.py", "installed.part.x", True),
        (tmp_path / "site-packages/installed/party.py", "installed.party", False),
        (Path(library) / "queue.py", "queue", False),
        (Path(library) / "json/decoder.py", "json.decoder", True),
        (Path(inspect.getfile(Selection)), "unblink.instrument.selection", False),
    ]:
        assert selection.selects(name, str(path)) is expected, path


def test_a_function_may_decide_what_is_included(tmp_path: Path) -> None:
    selection = Selection([], lambda name: name.endswith("x"))
    assert selection.selects("ax", str(tmp_path / "ax.py"))
    assert not selection.selects("ay", str(tmp_path / "ay.py"))


def test_modules_that_are_not_source_files_are_left_to_their_loaders(instrumented: Any) -> None:
    with instrumented_imports(Instrumenter(instrumented.register, include=lambda name: True)) as finder:
        for name in ("sys", "_socket", "math"):
            spec = finder.find_spec(name)
            assert spec is None or "Instrumenting" not in type(spec.loader).__name__


def test_leaving_the_context_takes_the_finder_away(instrumented: Any) -> None:
    before = list(sys.meta_path)
    with instrumented_imports(Instrumenter(instrumented.register)) as finder:
        assert sys.meta_path[0] is finder
    assert sys.meta_path == before


def test_a_warning_at_import_names_the_importer(imported: Any, project: Path) -> None:
    path = project / "some_project" / "counter.py"
    path.write_text("import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n" + SOURCE)
    with pytest.warns(DeprecationWarning, match="old") as caught:
        imported()
    assert [os.path.basename(one.filename) for one in caught] == ["__init__.py"]  # importlib.import_module
