"""SCTBench CS/circular_buffer: a writer and a reader take turns at a log, by two flags.

Neither waits for its turn. A round of the reader that finds nothing is counted all the same, and what it reads next is
not what it expects.
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
        for i in range(ROUNDS):
            with self.m:
                if self.send:
                    self.append(i)
                    self.send = False
                    self.receive = True

    def read(self):
        for i in range(ROUNDS):
            with self.m:
                if self.receive:
                    assert self.take() == i
                    self.receive = False
                    self.send = True


def test_what_is_read_is_what_was_written():
    buffer = CircularBuffer()
    threads = [threading.Thread(target=target) for target in (buffer.write, buffer.read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
