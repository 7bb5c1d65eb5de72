"""A sensor that enters itself into the registry when it is built, under the lock of those who read it."""

import threading


class Registry:
    def __init__(self):
        self._lock = threading.Lock()
        self._sensors = {}

    def enter(self, name, sensor):
        with self._lock:
            self._sensors[name] = sensor

    def readings(self):
        with self._lock:
            return [sensor.reading() for sensor in list(self._sensors.values())]


class Sensor:
    def __init__(self, registry, name, offset):
        self.offset = offset
        registry.enter(name, self)

    def reading(self):
        return 20 + self.offset


def test_every_registered_sensor_can_be_read():
    registry = Registry()
    builder = threading.Thread(target=Sensor, args=(registry, "roof", 2), name="builder")
    builder.start()
    assert registry.readings() in ([], [22])
    builder.join()
    assert registry.readings() == [22]
