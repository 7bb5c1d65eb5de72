"""A recorder that writes a batch in the background, and fills the next one meanwhile."""

import threading


class Recorder:
    def __init__(self):
        self.written = []
        self._pending = []
        self._batch = []
        self._writer = None

    def add(self, line):
        self._pending.append(line)

    def flush(self):
        if self._writer is not None:
            self._writer.join(timeout=0.5)
        self._batch[:] = self._pending
        self._pending.clear()
        self._writer = threading.Thread(target=self._write, name="writer")
        self._writer.start()

    def close(self):
        self.flush()
        self._writer.join()

    def _write(self):
        for line in self._batch:
            self.written.append(line)


def test_each_line_is_written_once():
    recorder = Recorder()
    recorder.add("one")
    recorder.flush()
    recorder.add("two")
    recorder.close()
    assert recorder.written == ["one", "two"]
