"""One channel for each name, made when it is first asked for: the look and the insertion are one step."""

import threading


class Channel:
    def __init__(self, name):
        self.name = name
        self.subscribers = []


class Hub:
    def __init__(self):
        self._channels = {}
        self._lock = threading.Lock()

    def channel(self, name):
        with self._lock:
            if name not in self._channels:
                self._channels[name] = Channel(name)
            return self._channels[name]

    def subscribe(self, name, subscriber):
        self.channel(name).subscribers.append(subscriber)
