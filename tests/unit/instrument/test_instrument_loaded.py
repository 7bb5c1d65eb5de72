"""Modules that were imported before the hooks came."""

from __future__ import annotations

import gc
import importlib
import json.decoder
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unblink.instrument import instrument_loaded

SOURCE = """
import functools
class C:
    def method(self): return self.n
    @staticmethod
    def static(o): return o.n
    @classmethod
    def klass(cls, o): return o.n
    @property
    def prop(self): return self.n
    class Inner:
        def method(self, o): return o.n
    part = functools.partialmethod(lambda self, o: o.n, None)
def wrapped(function):
    @functools.wraps(function)
    def inner(*args): return function(*args)
    return inner
@wrapped
def decorated(o): return o.n
@functools.cache
def cached(o): return o.n
def make(o):
    def inner(): return o.n, len(o.xs)
    return inner
two = (lambda o: o.n), (lambda o: o.m)
def total():
    count = 0
    def up():
        nonlocal count
        count += 1
        return count
    return up
"""


class Thing:
    n = 1
    m = 2
    xs = ()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "module_loaded_before.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("module_loaded_before")
    del sys.modules["module_loaded_before"]


def test_every_function_gets_its_hooks_wherever_it_is_kept(instrumented: Any, module: Any) -> None:
    thing = Thing()
    live, counter, instance = module.make(thing), module.total(), module.C()
    instance.n = 5
    counter()
    report = instrument_loaded(module, instrumented.register)
    assert report.skipped == ()
    operations = instrumented.hooks.operations
    for call in (
        instance.method, lambda: module.C.static(thing), lambda: module.C.klass(thing), lambda: instance.prop,
        lambda: module.C.Inner().method(thing), lambda: module.decorated(thing), lambda: module.cached(thing),
        live, lambda: module.make(thing)(), lambda: module.two[0](thing),
    ):  # fmt: skip
        operations.clear()
        call()
        assert "READ ATTRIBUTE n" in operations
    operations.clear()
    assert module.two[1](thing) == 2
    assert operations == ["READ ATTRIBUTE m"]
    operations.clear()
    assert counter() == 2
    assert operations == ["READ VARIABLE count", "WRITE VARIABLE count", "READ VARIABLE count"]


def test_undo_puts_back_the_very_code_that_was_there(instrumented: Any, module: Any) -> None:
    before = module.C.method.__code__
    report = instrument_loaded(module, instrumented.register)
    assert module.C.method.__code__ is not before
    report.undo()
    assert module.C.method.__code__ is before


@pytest.mark.parametrize("library", [queue, json.decoder])
def test_the_standard_library_can_be_instrumented(instrumented: Any, library: ModuleType) -> None:
    report = instrument_loaded(library, instrumented.register)
    try:
        assert report.replaced > 5
        assert report.skipped == ()
        waiting: queue.Queue[int] = queue.Queue()
        waiting.put(1)
        assert waiting.get() == 1
        assert json.decoder.JSONDecoder().decode("[1, 2]") == [1, 2]
        assert instrumented.hooks.operations
    finally:
        report.undo()


def test_a_source_that_has_changed_is_reported_not_guessed(instrumented: Any, module: Any, tmp_path: Path) -> None:
    before = module.C.method.__code__
    (tmp_path / "module_loaded_before.py").write_text("\n\n" + SOURCE)
    report = instrument_loaded(module, instrumented.register)
    assert report.replaced == 0
    assert "C.method" in [name for name, _ in report.skipped]
    assert module.C.method.__code__ is before


def test_a_module_without_source_is_reported(instrumented: Any) -> None:
    report = instrument_loaded(sys, instrumented.register)
    assert report.replaced == 0
    assert report.skipped[0][0] == "sys"


def test_functions_that_are_gone_do_not_stay_for_the_sake_of_undo(instrumented: Any, module: Any) -> None:
    function = module.make(Thing())
    report = instrument_loaded(module, instrumented.register)
    alive = len([one for one in gc.get_objects() if getattr(one, "__qualname__", "") == "make.<locals>.inner"])
    del function
    gc.collect()
    after = len([one for one in gc.get_objects() if getattr(one, "__qualname__", "") == "make.<locals>.inner"])
    assert after < alive
    report.undo()
