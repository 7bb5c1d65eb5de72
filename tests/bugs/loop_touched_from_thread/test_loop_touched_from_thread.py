"""A sensor with a driver that has a thread of its own, read from a coroutine."""

import asyncio
import threading


class Sensor:
    def measure(self, on_result):
        threading.Thread(target=on_result, args=(21.5,), name="sensor").start()


async def temperature(sensor):
    answer = asyncio.get_running_loop().create_future()
    sensor.measure(answer.set_result)
    return await answer


def test_the_temperature_is_measured():
    assert asyncio.run(temperature(Sensor())) == 21.5
