"""SCTBench CS/wronglock_3: one thread changes a value under a lock, three others under the same one."""

import threading


class Value:
    def __init__(self):
        self.data_lock = threading.Lock()
        self.value = 0

    def change_and_check(self):
        with self.data_lock:
            x = self.value
            self.value += 1
            assert self.value == x + 1

    def change(self):
        with self.data_lock:
            self.value += 1


def test_a_value_under_a_lock_changes_by_one():
    value = Value()
    threads = [threading.Thread(target=value.change_and_check)]
    threads += [threading.Thread(target=value.change) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
