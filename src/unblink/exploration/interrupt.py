"""Ctrl-C while executions run: the current one ends at its next point, and the process is as it was."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_pressed = False


def was_pressed() -> bool:
    """Whether Ctrl-C came since the last exploration began; it may have come too late for that to notice."""
    return _pressed


@contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C end the exploration with what is known so far. A second one does not wait for a point.

    A program that has its own handler for the signal keeps it.
    """
    global _pressed
    from unblink import _native

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _pressed = False

    def handle(number: int, frame: FrameType | None) -> None:
        global _pressed
        if _pressed:
            raise KeyboardInterrupt
        _pressed = True
        if _native.is_active():
            _native.interrupt()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
