"""SCTBench CS/queue: a producer and a consumer take turns at a queue, by two flags.

Neither waits for its turn, and what was not their turn does not count.
"""

import threading

SIZE = 20


class Queue:
    def __init__(self):
        self.m = threading.Lock()
        self.items = [0] * SIZE
        self.head = 0
        self.tail = 0
        self.amount = 0
        self.stored = [0] * SIZE
        self.enqueue_flag = True
        self.dequeue_flag = False

    def enqueue(self, value):
        assert self.amount < SIZE
        self.items[self.tail] = value
        self.tail = (self.tail + 1) % SIZE
        self.amount += 1

    def dequeue(self):
        assert self.amount > 0
        value = self.items[self.head]
        self.head = (self.head + 1) % SIZE
        self.amount -= 1
        return value

    def produce(self):
        value = 0
        with self.m:
            self.enqueue(value)
            self.stored[0] = value
        for _ in range(SIZE - 1):
            with self.m:
                if self.enqueue_flag:
                    value += 1
                    self.enqueue(value)
                    self.stored[value] = value
                    self.enqueue_flag = False
                    self.dequeue_flag = True

    def consume(self):
        taken = 0
        for _ in range(SIZE):
            with self.m:
                if self.dequeue_flag:
                    assert self.dequeue() == self.stored[taken]
                    taken += 1
                    self.dequeue_flag = False
                    self.enqueue_flag = True


def test_what_is_taken_is_what_was_stored():
    queue = Queue()
    threads = [threading.Thread(target=target) for target in (queue.produce, queue.consume)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
