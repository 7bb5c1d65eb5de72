"""With --race-include, races inside of an installed package and of the standard library are found."""

import os
import textwrap

from processes import race_in

PACKAGE = """
    class Meter:
        def __init__(self):
            self.total = 0

        def add(self, amount):
            total = self.total
            self.total = total + amount
"""

OF_PACKAGE = """
    import threading
    from metering import Meter

    def test_nothing_is_lost():
        meter = Meter()
        threads = [threading.Thread(target=meter.add, args=(1,)) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert meter.total == 2
"""

OF_LIBRARY = """
    import random, threading

    def test_two_threads_never_get_one_value():
        generator = random.Random(7)
        values = []
        threads = [threading.Thread(target=lambda: values.append(generator.gauss(0, 1))) for _ in range(2)]
        generator.gauss(0, 1)  # leaves a second value behind, for whoever comes next
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert values[0] != values[1]
"""


def explored(folder, source, *options):
    (folder / "test_it.py").write_text(textwrap.dedent(source))
    installed = folder / "elsewhere" / "site-packages"
    installed.mkdir(parents=True, exist_ok=True)
    (installed / "metering.py").write_text(textwrap.dedent(PACKAGE))
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    _, (test,) = race_in(folder, *options, environment=variables)
    return test


def test_a_race_inside_of_an_installed_package_is_found_once_it_is_included(tmp_path):
    assert explored(tmp_path, OF_PACKAGE)["verdict"] == "complete"  # what is not instrumented is atomic
    test = explored(tmp_path, OF_PACKAGE, "--race-include=metering")
    assert test["verdict"] == "failed"
    assert "metering.py" in test["findings"][0]["where"]


def test_a_race_inside_of_the_standard_library_imported_long_before_is_found_once_it_is_included(tmp_path):
    assert explored(tmp_path, OF_LIBRARY)["verdict"] == "complete"
    test = explored(tmp_path, OF_LIBRARY, "--race-include=random")
    assert test["verdict"] == "failed"
    assert "random.py" in test["findings"][0]["where"]
