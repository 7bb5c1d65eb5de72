"""The process-wide registry of metrics, made when it is first used."""

_instance = None


class Registry:
    def __init__(self):
        self.names = set()


def get_registry():
    global _instance
    if _instance is None:
        _instance = Registry()
    return _instance


def register(name):
    get_registry().names.add(name)
