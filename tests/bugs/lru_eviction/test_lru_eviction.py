"""A cache that drops what was not used for longest."""

import threading
from collections import OrderedDict


class Cache:
    def __init__(self, capacity):
        self._capacity = capacity
        self._items = OrderedDict()

    def put(self, key, value):
        self._items[key] = value
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)

    def get(self, key):
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]


def test_a_read_beside_an_eviction_hits_or_misses():
    cache = Cache(capacity=2)
    cache.put("a", 1)
    cache.put("b", 2)
    other = threading.Thread(target=cache.put, args=("c", 3))
    other.start()
    value = cache.get("a")
    other.join()
    assert value in (1, None)
