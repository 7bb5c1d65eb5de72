"""An event log that several writers append to, one line each, stamped in nanoseconds.

    1712000000000000001 pump started

Events are put in order by their stamps afterwards, so every stamp is unique: where the clock has not moved on
since the last line, one nanosecond is added.

What must hold: the lines are whole, and in the order of their stamps. So to take the stamp and to write both
parts of the line is one step, under the lock of the log.
"""

import re
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

LINE = re.compile(r"(?P<stamp>\d+) (?P<source>\S+) (?P<text>.+)")


class EventLog:
    """Appends to the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a", encoding="utf-8")
        self._last_stamp = 0
        self._lock = threading.Lock()

    def write(self, source: str, text: str) -> None:
        with self._lock:
            stamp = self._next_stamp()
            self._file.write(f"{stamp} ")
            self._file.write(f"{source} {text}\n")

    def close(self) -> None:
        self._file.close()

    def _next_stamp(self) -> int:
        self._last_stamp = max(self._last_stamp + 1, time.time_ns())
        return self._last_stamp

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Event:
    stamp: int
    source: str
    text: str


def read_events(path: Path) -> list[Event]:
    """The events in the file at `path`, in its order.

    Raises:
        ValueError: a line is not one whole event.
    """
    events = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is torn: {line!r}")
        events.append(Event(int(match["stamp"]), match["source"], match["text"]))
    return events


def first_out_of_order(events: Iterable[Event]) -> Event | None:
    """The first event whose stamp is not larger than the one before it."""
    last = 0
    for event in events:
        if event.stamp <= last:
            return event
        last = event.stamp
    return None


class Device:
    """Something that runs on its own and tells the log about it."""

    def __init__(self, name: str, log: EventLog) -> None:
        self._log = log
        self._name = name
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        self._log.write(self._name, "started")
        self._log.write(self._name, "stopped")


def record(path: Path, names: Iterable[str]) -> None:
    """Run one device for each of `names`, all at once, on the log at `path`."""
    with EventLog(path) as log:
        devices = [Device(name, log) for name in names]
        for device in devices:
            device.start()
        for device in devices:
            device.join()


def main() -> None:
    """A plant of forty pumps."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plant.log"
        record(path, [f"pump-{number:02}" for number in range(40)])
        events = read_events(path)
    late = first_out_of_order(events)
    print(f"{len(events)} lines, in order" if late is None else f"out of order: {late}")


if __name__ == "__main__":
    main()
