"""A printer that each job gives back once."""

import threading


class Printer:
    def __init__(self):
        self._busy = threading.Lock()
        self.pages = []

    def print(self, job):
        with self._busy:
            self.pages.append(job)


def test_all_jobs_are_printed():
    printer = Printer()
    clerks = [threading.Thread(target=printer.print, args=(job,), name=f"clerk-{job}") for job in ("a", "b")]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    assert sorted(printer.pages) == ["a", "b"]
