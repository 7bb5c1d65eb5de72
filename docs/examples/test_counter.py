import threading


class Counter:
    def __init__(self):
        self.value = 0

    def bump(self):
        self.value += 1


def test_bump():
    counter = Counter()
    threads = [threading.Thread(target=counter.bump, name=f"worker-{i}") for i in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2
