"""Two workers that look for jobs; who makes the job's mark has it."""

import os
import threading


class Worker:
    def __init__(self, name, folder):
        self.name = name
        self.jobs = []
        self._folder = folder

    def claim(self, job):
        mark = os.path.join(self._folder, f"{job}.claimed")
        if os.path.exists(mark):
            return
        with open(mark, "w", encoding="utf-8") as file:
            file.write(self.name)
        self.jobs.append(job)


def test_a_job_is_claimed_by_one_worker(tmp_path):
    workers = [Worker(name, tmp_path) for name in ("day shift", "night shift")]
    day = threading.Thread(target=workers[0].claim, args=("backup",), name="day shift")
    night = threading.Timer(0.1, workers[1].claim, args=("backup",))
    day.start()
    night.start()
    day.join()
    night.join()
    assert sum(len(worker.jobs) for worker in workers) == 1
