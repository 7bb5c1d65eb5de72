"""Workers that empty a queue together: whoever finds nothing goes home."""

import queue
import threading


def work_off(jobs, done):
    while True:
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            return
        done.put(job * 2)


def test_two_workers_empty_the_queue_and_go_home():
    jobs, done = queue.Queue(), queue.Queue()
    for job in (1, 2, 3):
        jobs.put(job)
    workers = [threading.Thread(target=work_off, args=(jobs, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(done.get() for _ in range(3)) == [2, 4, 6]
