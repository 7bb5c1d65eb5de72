import threading
import time


class Lease:
    """Held for a while only: whoever is slower than that has lost it."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.lock = threading.Lock()
        self.until = 0.0

    def take(self):
        with self.lock:
            if time.monotonic() < self.until:
                return False
            self.until = time.monotonic() + self.seconds
            return True


def test_only_one_works_at_a_time():
    lease = Lease(seconds=30)
    at_work = []
    most = []

    def work():
        while not lease.take():
            time.sleep(1)
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(35)  # longer than the lease
        at_work.pop()

    threads = [threading.Thread(target=work, name=name) for name in ("red", "blue")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
