"""SCTBench CS/circular_buffer: a writer and a reader take turns at a log, by two flags.

Neither waits for its turn, and what was not their turn does not count.
"""

import threading

SLOTS = 10
ROUNDS = 7


class CircularBuffer:
    def __init__(self):
        self.m = threading.Lock()
        self.slots = [0] * SLOTS
        self.first = 0
        self.next = 0
        self.send = True
        self.receive = False

    def append(self, value):
        self.slots[self.next] = value
        self.next = (self.next + 1) % SLOTS

    def take(self):
        value = self.slots[self.first]
        self.first = (self.first + 1) % SLOTS
        return value

    def write(self):
        written = 0
        for _ in range(ROUNDS):
            with self.m:
                if self.send:
                    self.append(written)
                    written += 1
                    self.send = False
                    self.receive = True

    def read(self):
        taken = 0
        for _ in range(ROUNDS):
            with self.m:
                if self.receive:
                    assert self.take() == taken
                    taken += 1
                    self.receive = False
                    self.send = True


def test_what_is_read_is_what_was_written():
    buffer = CircularBuffer()
    threads = [threading.Thread(target=target) for target in (buffer.write, buffer.read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
