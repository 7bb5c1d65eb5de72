"""What executions do that nobody is to hear of: what their threads lose, and what they leave in reference cycles."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unblink.ground.control import Ending, Run


def _unseen(arguments: object) -> None:
    """Take what a thread loses: the oracle sees it, and nobody wants to read it once for each execution."""


@contextmanager
def quiet_threads(*, official: bool = False) -> Iterator[tuple[Any, ...]]:
    """Have exceptions that leave a thread told to nobody; yield the hooks that a program has not set itself.

    What finalisers lose is told of an official execution only: of the others it would be told of whatever test is next.
    """
    before, threading.excepthook = threading.excepthook, _unseen
    unraisable = sys.unraisablehook
    if not official:
        sys.unraisablehook = _unseen
    try:
        yield threading.__excepthook__, before, _unseen
    finally:
        threading.excepthook = before
        if not official:
            sys.unraisablehook = unraisable


@contextmanager
def what_was_cut_unheard(official: bool) -> Iterator[list[Run]]:
    """Have an official execution that had to be ended leave nothing to tell; it is put into the list.

    Its coroutines were never awaited, its files never closed: not by the program's fault.
    """
    runs: list[Run] = []
    if not official or not gc.isenabled():
        yield runs
        return
    gc.disable()
    try:
        yield runs
        if any(run.ending is not Ending.FINISHED or run.leftover for run in runs):
            drop_garbage()
    finally:
        gc.enable()


@contextmanager
def heap_set_aside(whether: bool) -> Iterator[None]:
    """Have the collector leave alone what is there now, for the time of an exploration (native/python/garbage.cpp)."""
    from unblink import _native

    if whether:
        _native.set_heap_aside()
    try:
        yield
    finally:
        _native.give_heap_back()


def collect_new() -> None:
    """Collect what has become garbage since the heap was set aside, or all if it was not."""
    from unblink import _native

    _native.collect_garbage()


def drop_garbage() -> None:
    """Have what executions left in cycles finalised now, unheard."""
    with quiet_threads(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect_new()
