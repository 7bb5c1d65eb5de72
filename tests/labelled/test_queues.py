"""queue.Queue, LifoQueue, PriorityQueue and SimpleQueue: put() happens before the get() that takes its item."""

import queue
import threading

import pytest

from .running import together

KINDS = [queue.Queue, queue.LifoQueue, queue.SimpleQueue]


class Box:
    def __init__(self, n=0):
        self.n = n


class Job:
    """Is compared by the queue that it waits in."""

    def __init__(self, urgency):
        self.urgency = urgency
        self.done = False

    def __lt__(self, other):
        return self.urgency < other.urgency  # racy


# -- races -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_race_written_after_put(kind):
    """The taker may have the box already when its maker writes it once more."""
    channel = kind()
    seen = [None]

    def produce():
        box = Box(1)
        channel.put(box)
        box.n = 2  # racy

    def consume():
        seen[0] = channel.get().n  # racy

    together(produce, consume)
    assert seen[0] in (1, 2)


def test_race_read_by_the_producer_after_put():
    """The taker updates the box that its maker still reads."""
    channel = queue.Queue()
    seen = [None]

    def produce():
        box = Box(1)
        channel.put(box)
        seen[0] = box.n  # racy

    def consume():
        box = channel.get()
        box.n = 2  # racy

    together(produce, consume)
    assert seen[0] in (1, 2)


def test_race_list_reused_after_put():
    """The producer empties the list for its next batch, and it is the same list."""
    channel = queue.SimpleQueue()
    seen = [None]

    def produce():
        batch = [1, 2]
        channel.put(batch)
        batch.clear()  # racy

    def consume():
        batch = channel.get()
        seen[0] = len(batch)  # racy

    together(produce, consume)
    assert seen[0] in (0, 2)


def test_race_read_before_get():
    """The item says that the box is written, but the reader takes it after it has read."""
    channel = queue.Queue()
    box = Box()
    seen = [None]

    def produce():
        box.n = 1  # racy
        channel.put("written")

    def consume():
        seen[0] = box.n  # racy
        channel.get()

    together(produce, consume)
    assert seen[0] in (0, 1)


def test_race_one_object_put_twice():
    """Both takers get the same box, and update it."""
    channel = queue.Queue()
    box = Box()
    channel.put(box)
    channel.put(box)

    def consume():
        channel.get().n += 1  # racy

    together(consume, consume)
    assert box.n in (1, 2)


def test_race_empty_queue_taken_for_an_answer():
    """Who finds nothing in the queue has not waited for anybody."""
    channel = queue.Queue()
    box = Box()
    seen = [None]

    def produce():
        box.n = 1  # racy
        channel.put("written")

    def consume():
        try:
            channel.get_nowait()
        except queue.Empty:
            pass
        seen[0] = box.n  # racy

    together(consume, produce)
    assert seen[0] in (0, 1)


def test_race_done_is_said_before_it_is():
    """join() of the queue waits for task_done(), and the write comes after it."""
    channel = queue.Queue()
    box = Box()

    def work():
        channel.get()
        channel.task_done()
        box.n = 1  # racy

    thread = threading.Thread(target=work)
    thread.start()
    channel.put("go")
    channel.join()
    assert box.n in (0, 1)  # racy
    thread.join()


def test_race_workers_share_a_total():
    """Each job is taken by one worker, and both add to one total."""
    jobs = queue.Queue()
    total = Box()
    for number in (1, 2):
        jobs.put(number)

    def work():
        total.n += jobs.get()  # racy

    together(work, work)
    assert total.n in (1, 2, 3)


def test_race_urgency_changed_while_the_job_waits():
    """put() compares the jobs under the queue's lock; who changes one that waits does not have that lock."""
    jobs = queue.PriorityQueue()
    first = Job(5)
    jobs.put(first)

    def promote():
        first.urgency = 1  # racy

    def add():
        jobs.put(Job(2))

    together(promote, add)
    assert jobs.qsize() == 2


# -- no races --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_race_object_handed_over(kind):
    """Its maker's writes happen before put(), the taker's after get()."""
    channel = kind()
    seen = [None]

    def produce():
        box = Box()
        box.n = 1
        channel.put(box)

    def consume():
        box = channel.get()
        box.n += 1
        seen[0] = box.n

    together(consume, produce)
    assert seen == [2]


def test_no_race_object_handed_over_by_urgency():
    """The queue's own comparisons are done before the job can be taken, or under its lock."""
    jobs = queue.PriorityQueue()
    done = [None, None]

    def produce():
        for urgency in (2, 1):
            job = Job(urgency)
            job.urgency *= 10
            jobs.put(job)

    def consume(place):
        job = jobs.get()
        job.done = True
        job.urgency += 1
        done[place] = job.urgency

    together(produce, lambda: consume(0), lambda: consume(1))
    assert sorted(done) == [11, 21]


@pytest.mark.parametrize("kind", KINDS)
def test_no_race_item_as_a_signal(kind):
    """The item says nothing itself; that it was taken orders the write before the read."""
    channel = kind()
    box = Box()
    seen = [None]

    def produce():
        box.n = 1
        channel.put(None)

    def consume():
        channel.get()
        seen[0] = box.n

    together(consume, produce)
    assert seen == [1]


def test_no_race_two_queues_there_and_back():
    """The box goes to the other thread and comes back."""
    there, back = queue.Queue(), queue.SimpleQueue()
    seen = [None]

    def ask():
        box = Box(20)
        there.put(box)
        answered = back.get()
        answered.n += 1
        seen[0] = answered.n

    def answer():
        box = there.get()
        box.n *= 2
        back.put(box)

    together(ask, answer)
    assert seen == [41]


def test_no_race_pipeline():
    """Each stage has the box between its get() and its put()."""
    first, second, last = queue.Queue(), queue.Queue(), queue.Queue()

    def stage(source, sink):
        for _ in range(2):
            box = source.get()
            box.n += 1
            sink.put(box)

    for number in (0, 10):
        first.put(Box(number))
    together(lambda: stage(first, second), lambda: stage(second, last))
    assert [last.get().n for _ in range(2)] == [2, 12]


def test_no_race_queue_joined():
    """task_done() happens before the end of the queue's join(), and the worker's write before that."""
    jobs = queue.Queue()
    results = {}

    def work():
        while True:
            job = jobs.get()
            if job is None:
                return
            results[job] = job * job
            jobs.task_done()

    thread = threading.Thread(target=work)
    thread.start()
    for number in (2, 3):
        jobs.put(number)
    jobs.join()
    assert sum(results.values()) == 13
    jobs.put(None)
    thread.join()


def test_no_race_results_come_back_by_a_queue():
    """Main gets one result for each worker, and with it all that the worker did before."""
    results = queue.SimpleQueue()
    parts = [None, None]

    def work(place):
        parts[place] = place + 1
        results.put(place)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        results.get()
    assert parts == [1, 2]
    for thread in threads:
        thread.join()


def test_no_race_each_worker_has_its_job():
    """A job is taken by one worker only, who alone writes it."""
    jobs = queue.Queue()
    made = [Job(1), Job(2)]
    for job in made:
        jobs.put(job)

    def work():
        job = jobs.get()
        job.urgency += 1
        job.done = True

    together(work, work)
    assert all(job.done for job in made)
    assert [job.urgency for job in made] == [2, 3]


def test_no_race_connections_lent_and_given_back():
    """Who has taken a connection gives it back before another one can take it."""
    pool = queue.LifoQueue()
    connection = Box()
    pool.put(connection)

    def use():
        own = pool.get()
        own.n += 1
        pool.put(own)

    together(use, use, use)
    assert connection.n == 3


def test_no_race_full_queue_as_a_mutex():
    """There is room for one token: put() takes the mutex, get() gives it back."""
    mutex = queue.Queue(maxsize=1)
    box = Box()

    def bump():
        mutex.put("mine")
        box.n += 1
        mutex.get()

    together(bump, bump)
    assert box.n == 2


def test_no_race_pill_at_the_end():
    """The consumer stops at the pill, and what the producer did before is ordered before its end."""
    channel = queue.SimpleQueue()
    box = Box()
    seen = []

    def produce():
        for number in (1, 2):
            channel.put(number)
        box.n = 3
        channel.put(None)

    def consume():
        while (item := channel.get()) is not None:
            seen.append(item)
        seen.append(box.n)

    together(consume, produce)
    assert seen == [1, 2, 3]


def test_no_race_only_what_was_taken_is_touched():
    """Who finds the queue empty touches nothing."""
    channel = queue.Queue()
    seen = [None]

    def produce():
        channel.put(Box(1))

    def consume():
        try:
            box = channel.get_nowait()
        except queue.Empty:
            return
        box.n += 1
        seen[0] = box.n

    together(produce, consume)
    assert seen[0] in (None, 2)
