"""How most of these tests run their threads."""

import threading


def together(*bodies):
    """Run each of `bodies` in a thread of its own, all at the same time; return when all have ended."""
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_turn(*bodies):
    """Run each of `bodies` in a thread of its own, which is joined before the next one starts."""
    for body in bodies:
        together(body)
