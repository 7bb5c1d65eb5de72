"""Locks in C that know their owner by the OS thread: of buffered files, and of multiprocessing's semaphores."""

import multiprocessing
import os
import threading

from exploring import answers, explored

MANY = 200_000  # bytes: more than a pipe holds


def together(*calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_tasks_write_to_one_full_pipe_one_after_the_other():
    def body():
        reader, writer = os.pipe()
        got = bytearray()

        def drain():
            while part := os.read(reader, 1 << 16):
                got.extend(part)

        draining = threading.Thread(target=drain)
        draining.start()
        with os.fdopen(writer, "wb") as out:
            together(lambda: out.write(b"a" * MANY), lambda: out.write(b"b" * MANY))
        draining.join()
        os.close(reader)
        return bytes(got) in (b"a" * MANY + b"b" * MANY, b"b" * MANY + b"a" * MANY)

    assert answers(body, "60x") == {True}


def test_a_buffered_file_may_be_entered_again_by_who_is_inside():
    def body():
        with open(os.devnull, "wb") as file:
            together(lambda: file.write(b"a"), lambda: (file.write(b"b"), file.flush()))
        return file.closed

    assert answers(body) == {True}


def test_who_waits_for_a_semaphore_of_multiprocessing_lets_the_others_go_on():
    def body():
        semaphore, free = multiprocessing.Semaphore(0), multiprocessing.Lock()
        seen = []

        def take():
            semaphore.acquire()
            with free:
                seen.append("taken")

        def give():
            with free:
                seen.append("given")
                semaphore.release()

        together(take, give)
        return tuple(seen)

    assert answers(body) == {("given", "taken")}


def test_a_timeout_of_a_semaphore_passes_in_virtual_time():
    def body():
        semaphore = multiprocessing.Semaphore(0)
        seen = []
        together(lambda: seen.append(semaphore.acquire(timeout=3600)), lambda: seen.append(semaphore.acquire(False)))
        return sorted(seen)

    result = explored(body)
    assert result.failure is None
    assert result.seconds < 20
