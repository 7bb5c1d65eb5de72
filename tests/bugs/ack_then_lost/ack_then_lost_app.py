"""A consumer that takes messages from a broker and hands them to a worker."""

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
            tag, body = message
            self._broker.ack(tag)
            try:
                self._jobs.put(body, timeout=0.5)
            except queue.Full:
                break  # the worker is gone: we are shutting down
        self._jobs.put(None)
        worker.join()

    def _work(self):
        while (body := self._jobs.get()) is not None:
            self.done.append(body)
