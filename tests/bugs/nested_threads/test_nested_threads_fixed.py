"""A disk-usage scan in the background, with a thread for each folder: the sum is kept under a lock."""

import threading


def size_of(file):
    name, size = file
    return 0 if name.endswith(".tmp") else size


class Scan:
    def __init__(self, tree):
        self._tree = tree
        self.bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._scan_all, name="scan")

    def start(self):
        self._thread.start()

    def wait(self):
        self._thread.join()
        return self.bytes

    def _scan_all(self):
        threads = [threading.Thread(target=self._scan, args=(files,), name=name) for name, files in self._tree.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _scan(self, files):
        for file in files:
            self._add(file)

    def _add(self, child):
        with self._lock:
            self.bytes = self.bytes + size_of(child)


def test_the_scan_finds_all_the_bytes():
    scan = Scan({"home": [("a.txt", 10), ("b.tmp", 5)], "srv": [("c.txt", 20)]})
    scan.start()
    assert scan.wait() == 30
