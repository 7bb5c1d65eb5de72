"""A printer that is given back twice, once by the job and once by the clean-up after it."""

import threading


class Printer:
    def __init__(self):
        self._busy = threading.Lock()
        self.pages = []

    def print(self, job):
        self._busy.acquire()
        try:
            self.pages.append(job)
            self._busy.release()
        finally:
            if self._busy.locked():
                self._busy.release()


def test_all_jobs_are_printed():
    printer = Printer()
    clerks = [threading.Thread(target=printer.print, args=(job,), name=f"clerk-{job}") for job in ("a", "b")]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    assert sorted(printer.pages) == ["a", "b"]
