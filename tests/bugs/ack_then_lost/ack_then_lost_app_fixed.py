"""A consumer that takes messages from a broker and hands them to a worker, which acknowledges what it did."""

import queue
import threading
from collections import deque


class Broker:
    def __init__(self, bodies):
        self._lock = threading.Lock()
        self._ready = deque(enumerate(bodies))
        self._unacked = {}

    def get(self):
        """The next message as (tag, body), or None when none is waiting."""
        with self._lock:
            if not self._ready:
                return None
            tag, body = self._ready.popleft()
            self._unacked[tag] = body
            return tag, body

    def ack(self, tag):
        with self._lock:
            del self._unacked[tag]

    def nack(self, tag):
        with self._lock:
            self._ready.append((tag, self._unacked.pop(tag)))


class Consumer:
    def __init__(self, broker):
        self._broker = broker
        self._jobs = queue.Queue(maxsize=1)
        self.done = []

    def run(self):
        worker = threading.Thread(target=self._work, name="worker")
        worker.start()
        while (message := self._broker.get()) is not None:
            try:
                self._jobs.put(message, timeout=0.5)
            except queue.Full:
                self._broker.nack(message[0])  # the worker is busy: the broker keeps it for later
        self._jobs.put(None)
        worker.join()

    def _work(self):
        while (message := self._jobs.get()) is not None:
            tag, body = message
            self.done.append(body)
            self._broker.ack(tag)
