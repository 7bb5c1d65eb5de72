"""SCTBench Inspect_benchmarks/boundedBuffer: two producers and two consumers at a ring of three slots.

A consumer that found the ring not empty takes the item under the same lock.
"""

import threading

SLOTS = 3  # of which one stays free
ITEMS = 4


class BoundedBuffer:
    def __init__(self):
        self.slots = [None] * SLOTS
        self.head = 0
        self.rear = 0
        self.p_wait = 0
        self.c_wait = 0
        self.taken = 0
        self.m = threading.Lock()
        self.not_full = threading.Condition(self.m)
        self.not_empty = threading.Condition(self.m)

    def is_full(self):
        return (self.rear + 1) % SLOTS == self.head

    def is_empty(self):
        return self.head == self.rear

    def put(self, item):
        with self.m:
            if self.is_full():
                self.p_wait += 1
                while self.is_full():
                    self.not_full.wait()
                self.p_wait -= 1
            self.slots[self.rear] = item
            self.rear = (self.rear + 1) % SLOTS
            if self.c_wait > 0:
                self.not_empty.notify()

    def get(self):
        with self.m:
            if self.is_empty():
                self.c_wait += 1
                while self.is_empty():
                    self.not_empty.wait()
                self.c_wait -= 1
            assert not self.is_empty()
            item = self.slots[self.head]
            self.head = (self.head + 1) % SLOTS
            self.taken += 1
            if self.p_wait > 0:
                self.not_full.notify()
            return item

    def produce(self):
        for item in range(ITEMS):
            self.put(item)

    def consume(self):
        for _ in range(ITEMS):
            self.get()


def test_what_is_produced_is_consumed():
    buffer = BoundedBuffer()
    producers = [threading.Thread(target=buffer.produce, daemon=True) for _ in range(2)]
    consumers = [threading.Thread(target=buffer.consume) for _ in range(2)]
    for thread in producers + consumers:
        thread.start()
    for consumer in consumers:
        consumer.join()
    assert buffer.taken == 2 * ITEMS  # if a consumer failed, a producer may wait for ever
    for producer in producers:
        producer.join()
