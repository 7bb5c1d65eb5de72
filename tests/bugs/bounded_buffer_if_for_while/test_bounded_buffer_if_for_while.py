"""A bounded buffer between one producer and two consumers."""

import threading
from collections import deque


class BoundedBuffer:
    def __init__(self, capacity):
        self._items = deque()
        self._capacity = capacity
        lock = threading.Lock()
        self._not_full = threading.Condition(lock)
        self._not_empty = threading.Condition(lock)

    def put(self, item):
        with self._not_full:
            if len(self._items) >= self._capacity:
                self._not_full.wait()
            self._items.append(item)
            self._not_empty.notify()

    def get(self):
        with self._not_empty:
            if not self._items:
                self._not_empty.wait()
            item = self._items.popleft()
            self._not_full.notify()
            return item


def test_each_item_reaches_one_consumer():
    buffer = BoundedBuffer(capacity=1)
    received = []
    consumers = [threading.Thread(target=lambda: received.append(buffer.get())) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for item in ("left", "right"):
        buffer.put(item)
    for consumer in consumers:
        consumer.join()
    assert sorted(received) == ["left", "right"]
