"""A pipeline whose last producer tells the consumers to stop."""

import queue
import threading


class Pipeline:
    def __init__(self, producers, consumers):
        self.queue = queue.Queue()
        self.results = queue.Queue()
        self._producers = producers
        self._consumers = consumers

    def produce(self, items):
        for item in items:
            self.queue.put(item)
        self._producers -= 1
        if self._producers == 0:
            for _ in range(self._consumers):
                self.queue.put(None)

    def consume(self):
        while (item := self.queue.get()) is not None:
            self.results.put(item * item)


def test_the_pipeline_stops_with_an_empty_queue():
    pipeline = Pipeline(producers=2, consumers=1)
    threads = [threading.Thread(target=pipeline.produce, args=([number],)) for number in (2, 3)]
    threads.append(threading.Thread(target=pipeline.consume))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.queue.empty()
    assert sorted(pipeline.results.get() for _ in range(2)) == [4, 9]
