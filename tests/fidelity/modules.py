"""Which of CPython's own test modules stand on the ground, and their tests."""

from __future__ import annotations

import importlib.util
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

REQUIRED = {
    "test.test_thread": "",
    "test.test_threading": "",
    "test.test_threading_local": "",
    "test.test_queue": "",
    "test.test_sched": "",
    "test.test_concurrent_futures": "ThreadPool|Future",
    "test.test_asyncio.test_locks": "",
    "test.test_asyncio.test_queues": "",
    "test.test_asyncio.test_tasks": "",
    "test.test_asyncio.test_futures": "",
    "test.test_asyncio.test_timeouts": "",
    "test.test_asyncio.test_taskgroups": "",
    "test.test_asyncio.test_streams": "",
    "test.test_asyncio.test_base_events": "",
    "test.test_asyncio.test_events": "",
    "test.test_asyncio.test_selector_events": "",
    "test.test_socket": "",
    "test.test_socketserver": "",
    "test.test_selectors": "",
    "test.test_sqlite3": "",
    "test.test_httpservers": "",
}
"""Module (or package) to the words of which a test class must have one in its name; no word: all of them."""

EXTRA = {
    "test.test_threadedtempfile": "",
    "test.test_context": "",
    "test.test_uuid": "",
    "test.test_random": "",
    "test.test_logging": "",
    "test.test_contextlib": "",
    "test.test_functools": "",
    "test.test_weakref": "",
    "test.test_time": "",
}
"""Users of threads, clocks and chance beside the required ones.

`test_threadsignals` is none of them: it sends signals to the process that imported it, which is the runner.
"""

NEVER_RUN = ("settime", "VSOCK")
"""Words in the names of tests that reach beyond their machine or set its clock."""

PARTS_OF_CONCURRENT_FUTURES = (
    "test_as_completed",
    "test_deadlock",
    "test_future",
    "test_init",
    "test_shutdown",
    "test_thread_pool",
    "test_wait",
)


def borrow() -> str:
    """Make up for the part of the test package that 3.11.7 and 3.12.1 forget to install, and say from where.

    Their own makefiles leave `test_concurrent_futures` out. An interpreter that is installed beside this one
    lends its copy; what only the lender has does not pass plainly here, and is not asked.
    """
    import test
    from test import support

    if is_there("test.test_concurrent_futures"):
        return ""
    beside = Path(sys.base_prefix).parent.glob("*/lib/python3.*/test/test_concurrent_futures/__init__.py")
    for found in sorted(beside, reverse=True):
        test.__path__.append(str(found.parent.parent))
        support.Py_GIL_DISABLED = False
        skip = support.skip_if_sanitizer
        support.skip_if_sanitizer = lambda *words, thread=False, **known: (
            skip(*words, **known) if any(known.values()) else lambda test: test
        )
        support.requires_gil_enabled = lambda why: lambda test: test
        return str(found.parent)
    return "nowhere: test_concurrent_futures is not installed"


def tests_of(module: str) -> list[unittest.TestCase]:
    """Return the test cases of `module` that are about threads, one for each method, in their usual order."""
    words = [word for word in {**EXTRA, **REQUIRED}.get(module, "").split("|") if word]
    loader = unittest.defaultTestLoader
    names = [module]
    if module == "test.test_concurrent_futures" and importlib.util.find_spec(f"{module}.test_wait"):
        names = [f"{module}.{part}" for part in PARTS_OF_CONCURRENT_FUTURES]
    found: dict[str, unittest.TestCase] = {}
    for name in names:
        for test in _flat(loader.loadTestsFromName(name)):
            if any(word in test.id() for word in NEVER_RUN):
                continue
            if not words or any(word in type(test).__name__ for word in words):
                found.setdefault(test.id(), test)
    return list(found.values())


def is_there(module: str) -> bool:
    """Whether this interpreter was installed with `module`."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from _flat(entry)
        else:
            yield entry
