"""Forks: a process is warned of its own threads (from 3.12 on), and of none that it has not started."""

import os
import subprocess
import threading
import warnings


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def warned_of(call):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    return [warning.category.__name__ for warning in seen]


def test_a_fork_beside_no_thread_is_not_warned_of(alike):
    def body():
        return warned_of(fork), warned_of(lambda: subprocess.run(["true"], preexec_fn=lambda: None, check=True))

    assert alike(body) == ("value", ([], []))


def test_a_fork_beside_a_thread_is_warned_of_as_in_life(alike):
    def body():
        over = threading.Event()
        thread = threading.Thread(target=over.wait)
        thread.start()
        try:
            return warned_of(fork)
        finally:
            over.set()
            thread.join()

    alike(body)


def test_a_fork_between_executions_is_not_warned_of(controlled):
    controlled(lambda: None)
    assert warned_of(fork) == []
