"""A starting shot that is only heard by who stands at the line already."""

import threading


class Race:
    def __init__(self):
        self._shot = threading.Condition()
        self.laps = []

    def run(self, name):
        with self._shot:
            self._shot.wait()
        self.laps.append(name)

    def start(self):
        with self._shot:
            self._shot.notify_all()


def test_the_runner_starts():
    race = Race()
    runner = threading.Thread(target=race.run, args=("ann",), name="ann")
    runner.start()
    race.start()
    runner.join()
    assert race.laps == ["ann"]
