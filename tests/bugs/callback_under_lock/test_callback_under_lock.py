"""A batch that counts its pending jobs by a callback."""

import threading
from concurrent.futures import ThreadPoolExecutor


class Batch:
    def __init__(self, pool):
        self.pending = 0
        self._pool = pool
        self._lock = threading.Lock()

    def submit(self, job):
        with self._lock:
            self.pending += 1
            self._pool.submit(job).add_done_callback(self._done)

    def _done(self, future):
        with self._lock:
            self.pending -= 1


def test_nothing_is_pending_at_the_end():
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(int).result()  # the thread of the pool is up
        batch = Batch(pool)
        batch.submit(int)
    assert batch.pending == 0
