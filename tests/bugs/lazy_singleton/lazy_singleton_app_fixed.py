"""The process-wide registry of metrics, made when it is first used, by whoever holds the lock."""

import threading

_instance = None
_lock = threading.Lock()


class Registry:
    def __init__(self):
        self.names = set()


def get_registry():
    global _instance
    with _lock:
        if _instance is None:
            _instance = Registry()
        return _instance


def register(name):
    get_registry().names.add(name)
