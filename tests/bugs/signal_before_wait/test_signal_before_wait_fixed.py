"""A starting shot that stays true for who comes late."""

import threading


class Race:
    def __init__(self):
        self._shot = threading.Condition()
        self._started = False
        self.laps = []

    def run(self, name):
        with self._shot:
            self._shot.wait_for(lambda: self._started)
        self.laps.append(name)

    def start(self):
        with self._shot:
            self._started = True
            self._shot.notify_all()


def test_the_runner_starts():
    race = Race()
    runner = threading.Thread(target=race.run, args=("ann",), name="ann")
    runner.start()
    race.start()
    runner.join()
    assert race.laps == ["ann"]
