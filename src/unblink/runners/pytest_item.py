"""A pytest item as a target: its own fixtures are set up again for each execution, wider ones once, outside.

Two ways to run it. Officially, through pytest's whole protocol with its hooks and reports: so runs the first
execution, and the one that shows a failure. And lean, for the many in between: set up, run, tear down.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

import pytest
from _pytest.runner import runtestprotocol
from _pytest.tmpdir import tmppath_result_key

from unblink._native import ExecutionAborted
from unblink.exploration.target import Target
from unblink.exploration.unheard import drop_garbage
from unblink.runners.pytest_timeouts import Timeouts

_DROP_AFTER = 64  # lean runs, of which nobody reads the output
_ABORTED = f"{ExecutionAborted.__module__}.{ExecutionAborted.__qualname__}"
IGNORED = (pytest.skip.Exception, pytest.xfail.Exception)


class Sibling:
    """Stands for a next item of the same parent, so that a teardown ends with the item's own fixtures."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._item, name)

    def listchain(self) -> list[Any]:
        """Return the item's chain with itself in the item's place."""
        return [*self._item.listchain()[:-1], self]


class Hooks:
    """The hooks that an item calls, but that reports of its subtests are kept and not told at once."""

    def __init__(self, relay: Any, keep: Callable[[pytest.TestReport], None]) -> None:
        self._relay = relay
        self._keep = keep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._relay, name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report, unless it is of a subtest that took what ends an execution for its own failure."""
        crash = getattr(report.longrepr, "reprcrash", None)
        if not str(getattr(crash, "message", "")).startswith(_ABORTED):
            self._keep(report)


class ItemRun:
    """One item, to be run many times.

    `exceptions` are what left its phases in the last official run, `reports` what pytest says of it.
    """

    def __init__(self, item: pytest.Item, timeouts: Timeouts) -> None:
        self.item = item
        self._timeouts = timeouts
        self.exceptions: list[BaseException] = []
        self.reports: list[pytest.TestReport] = []
        self._process = os.getpid()
        self._excepthook = threading.excepthook
        self._lean_runs = 0
        capture = item.config.pluginmanager.getplugin("capturemanager")
        self._capture = capture if capture is not None and capture.is_globally_capturing() else None
        self._sibling = cast(pytest.Item, Sibling(item))
        self._phases = phases_of(item)

    def target(self) -> Target:
        """Return the item as a target."""
        function = getattr(self.item, "obj", None)
        function = inspect.unwrap(function) if callable(function) else None
        code = getattr(function, "__code__", None) if inspect.iscoroutinefunction(function) else None
        official = self._timed(self._official)
        return Target(self._timed(self._lean), self.item.nodeid, official, self._harvest, IGNORED, code)

    def _timed(self, run: Callable[[], None]) -> Callable[[], None]:
        if not self.item.config.pluginmanager.has_plugin("timeout"):
            return run

        def timed() -> None:
            with self._timeouts.running():
                run()

        return timed

    def set_up_wider(self) -> None:
        """Set up collectors, and fixtures of a wider scope than the function, outside of any execution.

        What fails here fails again, and is reported, in the item's own setup.
        """
        item = cast(Any, self.item)
        state = item.session._setupstate
        try:
            state.setup(item.parent)
            if not hasattr(item, "_fixtureinfo"):
                return
            self._renew()
            for name in item.fixturenames:
                definitions = item._fixtureinfo.name2fixturedefs.get(name)
                if definitions and definitions[-1].scope != "function":
                    with warnings.catch_warnings():
                        warnings.filterwarnings("ignore", "Calling request.getfixturevalue")  # ours is not its case
                        item._request._get_active_fixturedef(name)
        except (KeyboardInterrupt, SystemExit, pytest.exit.Exception):
            raise
        except BaseException:
            return
        finally:
            self._renew()

    def tear_down_wider(self, nextitem: pytest.Item | None) -> pytest.TestReport | None:
        """Tear down what `nextitem` does not need; return a report if that failed."""
        kept = [] if nextitem is None else nextitem.listchain()
        if self.item.listchain()[:-1] == kept[:-1]:
            return None
        state = cast(Any, self.item.session)._setupstate
        call: pytest.CallInfo[None] = pytest.CallInfo.from_call(
            lambda: state.teardown_exact(nextitem),
            when="teardown",
            reraise=(pytest.exit.Exception, KeyboardInterrupt),
        )
        if call.excinfo is None:
            return None
        report: pytest.TestReport = self.item.ihook.pytest_runtest_makereport(item=self.item, call=call)
        return report

    def _official(self) -> None:
        self._renew()
        self.exceptions.clear()
        self._drop_output()
        # What threads lose is pytest's to tell, as long as it asks: what comes later it would tell of the next test.
        quiet, threading.excepthook = threading.excepthook, self._excepthook
        try:
            with self._subtests(official=True) as told:
                reports = runtestprotocol(self.item, log=False, nextitem=self._sibling)
        finally:
            threading.excepthook = quiet
        self.reports = [*reports[:1], *told, *reports[1:]]
        self._renew()
        for exception in sorted(self.exceptions, key=lambda one: isinstance(one, IGNORED)):
            raise exception

    def plainly(self) -> list[pytest.TestReport]:
        """Run the item as pytest does, out of control, after an execution of it was given up.

        What that execution left half done goes first, in silence: nothing of it is the test's fault.
        """
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            sys.__dict__.pop(name, None)
        self.exceptions.clear()
        self.reports = []
        drop_garbage()
        self._renew()
        self._drop_output()
        with self._timeouts.running():
            reports = runtestprotocol(self.item, log=False, nextitem=self._sibling)
        self._renew()
        return reports

    def _harvest(self) -> list[Any]:
        if os.getpid() == self._process:
            return list(self.reports)
        config = self.item.config
        return [config.hook.pytest_report_to_serializable(config=config, report=r) for r in self.reports]

    def capture(self) -> None:
        """Have pytest capture what is written, as it does in a test's own phases."""
        if self._capture is not None:
            self._capture.resume_global_capture()

    def end_capture(self) -> None:
        """Drop what was written since the last report."""
        if self._capture is not None:
            self._capture.suspend_global_capture(in_=False)
            self._capture.read_global_capture()

    def _lean(self) -> None:
        self.capture()
        self._lean_runs += 1
        if self._lean_runs % _DROP_AFTER == 0:
            self._drop_output()
        self._renew()
        self.exceptions.clear()
        item = cast(Any, self.item)
        set_up, call, tear_down = self._phases
        item.stash.setdefault(tmppath_result_key, {})  # what pytest's own reports leave for the tmp_path fixture
        with warnings.catch_warnings(record=True), self._subtests(official=False):
            try:
                set_up(item)
                call(item)
                self._raise_collected()
            finally:
                tear_down(item, self._sibling)
                self._renew()

    def _raise_collected(self) -> None:
        """Raise what a unittest case or a subtest collected instead of letting it out."""
        collected = self.item.__dict__.pop("_excinfo", None)
        if collected:
            raise collected[0].value
        for exception in self.exceptions:
            if not isinstance(exception, IGNORED):
                raise exception

    @contextmanager
    def _subtests(self, official: bool) -> Iterator[list[pytest.TestReport]]:
        """Keep the reports of subtests, which pytest would tell at once, and the count of those of the official run."""
        session = cast(Any, self.item.session)
        told: list[pytest.TestReport] = []
        proxy = session.gethookproxy
        session.gethookproxy = lambda path: Hooks(proxy(path), told.append)
        counts = _counts_of_failed_subtests(self.item.config)
        name = getattr(self.item, "id", self.item.nodeid)  # pytest 9.1 and before: the text itself
        before = counts.pop(name, 0)
        try:
            yield told
        finally:
            del session.gethookproxy
            if not official:
                counts[name] = before

    def _renew(self) -> None:
        """Give the item a request and an instance of its own again."""
        item = cast(Any, self.item)
        if hasattr(item, "_initrequest"):
            item._initrequest()
        if isinstance(item.parent, pytest.Class):
            for name in ("_instance", "_obj"):
                item.__dict__.pop(name, None)

    def _drop_output(self) -> None:
        if self._capture is not None:
            self._capture.read_global_capture()


_PHASES = ("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown")


def phases_of(item: pytest.Item) -> tuple[Callable[..., Any], ...]:
    """Return what sets `item` up, runs it and tears it down, in a lean run.

    Where only pytest's own plugins have a part in these phases, that is what pytest's runner does and no more: the
    rest captures, and reports to nobody. Other plugins and conftests have theirs as ever, for the test may need it.
    """
    hooks = item.ihook
    if "caplog" in getattr(item, "fixturenames", ()):
        return by_hooks([getattr(hooks, name) for name in _PHASES])
    plugins = item.config.pluginmanager
    own = [plugin for plugin in plugins.get_plugins() if _is_part_of_pytest(plugin)]
    implementations = [one for name in _PHASES for one in getattr(hooks, name).get_hookimpls()]
    if all(_is_part_of_pytest(one.plugin) or _has_no_part(one.plugin, item) for one in implementations):
        state = cast(Any, item.session)._setupstate
        return state.setup, _run_test, lambda item, nextitem: state.teardown_exact(nextitem)
    spectators = [plugin for plugin in own if plugins.get_name(plugin) != "runner"]
    # What holds for the item's folder (its conftests) is in `hooks`; both leave out what the other does.
    absent = set(plugins.get_plugins()).difference(one.plugin for one in implementations)
    return by_hooks([plugins.subset_hook_caller(name, [*spectators, *absent]) for name in _PHASES])


def _run_test(item: pytest.Item) -> None:
    item.runtest()  # a plugin may have put its own there


def by_hooks(hooks: list[Any]) -> tuple[Callable[..., Any], ...]:
    """Return the hooks of the phases as functions of what they are about."""
    set_up, call, tear_down = hooks
    return (
        lambda item: set_up(item=item),
        lambda item: call(item=item),
        lambda item, nextitem: tear_down(item=item, nextitem=nextitem),
    )


def _is_part_of_pytest(plugin: object) -> bool:
    name = getattr(plugin, "__name__", None) if isinstance(plugin, ModuleType) else type(plugin).__module__
    return str(name).startswith(("_pytest.", "unblink."))


def _has_no_part(plugin: object, item: pytest.Item) -> bool:
    """Whether a plugin's hooks do nothing for this item: to call them takes as long as a small execution."""
    name = getattr(plugin, "__name__", "")
    if name == "_hypothesis_pytestplugin":
        return not getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return bool(name == "pytest_timeout")  # see pytest_timeouts.py


def _counts_of_failed_subtests(config: pytest.Config) -> dict[Any, int]:
    """Return pytest's counts of failed subtests by item (pytest 9 has subtests)."""
    try:
        from _pytest.subtests import failed_subtests_key
    except ImportError:
        return {}
    return config.stash.get(failed_subtests_key, {})


def received(config: pytest.Config, reports: list[Any] | None) -> list[pytest.TestReport]:
    """Return harvested reports, whichever process they come from."""
    make = config.hook.pytest_report_from_serializable
    return [make(config=config, data=one) if isinstance(one, dict) else one for one in reports or ()]


def is_explorable(item: pytest.Item) -> str | None:
    """Return None if the item can be explored, or why it runs once only."""
    from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

    checks: tuple[tuple[str, Callable[[pytest.Item], Any]], ...] = (
        ("skipped", evaluate_skip_marks),
        ("marked xfail", evaluate_xfail_marks),
    )
    for reason, check in checks:
        try:
            if check(item) is not None:
                return reason
        except Exception:  # a mark that is wrong: pytest will say so
            return "a mark that cannot be evaluated"
    return None
