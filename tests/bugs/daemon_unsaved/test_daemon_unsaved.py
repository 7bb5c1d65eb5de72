"""A journal that a daemon thread saves; to close it is to wait for an empty queue."""

import queue
import threading
import time


class Journal:
    def __init__(self):
        self.saved = []
        self._queue = queue.Queue()
        threading.Thread(target=self._save, name="saver", daemon=True).start()

    def write(self, line):
        self._queue.put(line)

    def close(self):
        while not self._queue.empty():
            time.sleep(0.01)

    def _save(self):
        while True:
            line = self._queue.get()
            self.saved.append(line)


def test_every_line_is_saved_when_the_journal_is_closed():
    journal = Journal()
    journal.write("first")
    journal.write("last")
    journal.close()
    assert journal.saved == ["first", "last"]
