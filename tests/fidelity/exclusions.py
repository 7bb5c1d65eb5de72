"""Tests of CPython that cannot pass as controlled executions, each by its full name with its reason."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why a test is not asked of the ground."""

    CHILD_PROCESS = "starts a child process"
    REAL_TIME = "asserts on real time"
    OS_THREAD = "reaches for the OS thread behind Python's back (ctypes)"
    SPIN = "spins without any call: only instrumented code can be switched there"
    BLOCKING_CALL = "blocks the OS thread in a system call that waits for another thread"
    ORDER = "asserts which thread is faster, which only usually holds"


_THREADING = "test.test_threading."
_SHUTDOWN = "test.test_concurrent_futures.test_shutdown."
_POOL = "test.test_concurrent_futures.test_thread_pool."
_LOGGING = "test.test_logging."
_FUTURES = tuple(f"test.test_asyncio.test_futures.{kind}FutureTests." for kind in ("C", "CSub", "Py"))

EXCLUDED: dict[str, Reason] = {
    _THREADING + "ThreadTests.test_PyThreadState_SetAsyncExc": Reason.OS_THREAD,
    _THREADING + "InterruptMainTests.test_can_interrupt_tight_loops": Reason.SPIN,
    _SHUTDOWN + "ThreadPoolShutdownTest.test_cancel_futures": Reason.ORDER,
    _POOL + "ThreadPoolExecutorTest.test_hang_global_shutdown_lock": Reason.CHILD_PROCESS,
    **{future + "test_wrap_future": Reason.SPIN for future in _FUTURES},
    "test.test_socketserver.MiscTestCase.test_threads_reaped": Reason.ORDER,
    # beyond what was asked for: --extra
    _LOGGING + "ConfigDictTest.test_config_queue_handler": Reason.CHILD_PROCESS,
    _LOGGING + "HTTPHandlerTest.test_output": Reason.BLOCKING_CALL,
    _LOGGING + "QueueListenerTest.test_handle_called_with_mp_queue": Reason.BLOCKING_CALL,
    _LOGGING + "QueueListenerTest.test_no_messages_in_queue_after_stop": Reason.BLOCKING_CALL,
    _LOGGING + "TimedRotatingFileHandlerTest.test_rollover": Reason.REAL_TIME,
}


def reason_of(name: str) -> Reason | None:
    """Return why the test with this full name is excluded, or None."""
    return EXCLUDED.get(name)
