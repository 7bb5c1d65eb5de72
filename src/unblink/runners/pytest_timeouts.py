"""pytest-timeout beside --race: its timeout is for each execution, in real time, not for the whole exploration.

The plugin asks by hooks of its own for a timer to be set and cancelled, so that another may stand in for it. Ours is
the system's, armed as an execution begins and disarmed at its end: no call of the test's, and so nothing that it has
done which cannot be controlled. The plugin's method `thread` would be one more thread, which nobody controls; what it
does at the end of the time (it shows the stacks and ends the process) is done by the signal as well.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest


class Timeouts:
    """The timer of the item that runs. Its hooks are called by pytest-timeout, if that is there."""

    def __init__(self) -> None:
        from unblink import _native

        self._set_alarm = _native.set_alarm
        self._seconds = 0.0
        self._running = False

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> bool | None:
        """Remember how long an execution of `item` may take; with func_only that is learned in the first one."""
        marker = item.get_closest_marker("race")
        skipped = marker is not None and marker.kwargs.get("skip")
        if skipped or threading.current_thread() is not threading.main_thread():
            return None
        plugin: Any = sys.modules["pytest_timeout"]  # which has called us
        act = plugin.timeout_sigalrm if settings.method == "signal" else plugin.timeout_timer

        def ring(number: int, frame: FrameType | None) -> None:
            __tracebackhide__ = True
            if settings.method != "signal":  # the plugin shows every thread's stack but that of the one which asks
                item.config.get_terminal_writer().write("\n" + "".join(traceback.format_stack(frame)))
            act(item, settings)

        signal.signal(signal.SIGALRM, ring)
        self._seconds = float(settings.timeout)
        if self._running:
            self._set_alarm(self._seconds)
        return True

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_cancel_timer(self) -> bool | None:
        """Forget it; inside of an execution, only end the timer."""
        if self._seconds == 0:
            return None
        self._set_alarm(0)
        if not self._running:
            self._seconds = 0
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        return True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have the timer run for one execution."""
        self._running = True
        if self._seconds:
            self._set_alarm(self._seconds)
        try:
            yield
        finally:
            if self._seconds:
                self._set_alarm(0)
            self._running = False
