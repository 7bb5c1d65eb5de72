"""A simulation in steps: each cell reads its neighbour, then all write."""

import threading


def simulate(cells, steps):
    barrier = threading.Barrier(len(cells))

    def run(index):
        for _ in range(steps):
            neighbour = cells[index - 1]
            barrier.wait()
            cells[index] += neighbour

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(cells))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return cells


def test_every_step_sees_the_step_before():
    assert simulate([1, 2], steps=2) == [6, 6]
