"""Threads that bodies start: one that goes on beside them, or some that are all waited for."""

import threading


def started(function):
    """Return a thread that runs `function`."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def together(*functions):
    """Run each function in a thread of its own, to the end."""
    run_all([threading.Thread(target=function) for function in functions])


def run_all(threads):
    """Start the threads and wait for each."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
