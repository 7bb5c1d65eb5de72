"""A recorder that writes a batch in the background; each batch is a list of its own."""

import threading


class Recorder:
    def __init__(self):
        self.written = []
        self._pending = []
        self._writer = None

    def add(self, line):
        self._pending.append(line)

    def flush(self):
        if self._writer is not None:
            self._writer.join()
        batch, self._pending = self._pending, []
        self._writer = threading.Thread(target=self._write, args=(batch,), name="writer")
        self._writer.start()

    def close(self):
        self.flush()
        self._writer.join()

    def _write(self, batch):
        for line in batch:
            self.written.append(line)


def test_each_line_is_written_once():
    recorder = Recorder()
    recorder.add("one")
    recorder.flush()
    recorder.add("two")
    recorder.close()
    assert recorder.written == ["one", "two"]
