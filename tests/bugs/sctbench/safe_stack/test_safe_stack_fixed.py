"""SCTBench SafeStack: three threads take an index from a stack of three, use it, and put it back.

A thread takes and puts back under a lock.
"""

import threading
import time


class Atomic:
    """A value whose every operation is one step."""

    def __init__(self, value):
        self._lock = threading.Lock()
        self._value = value

    def load(self):
        with self._lock:
            return self._value

    def store(self, value):
        with self._lock:
            self._value = value

    def exchange(self, value):
        with self._lock:
            found, self._value = self._value, value
            return found

    def compare_exchange(self, expected, value):
        """Return what was found; `value` is there now if that was `expected`."""
        with self._lock:
            found = self._value
            if found == expected:
                self._value = value
            return found

    def add(self, amount):
        with self._lock:
            self._value += amount
            return self._value


class SafeStack:
    def __init__(self):
        self.lock = threading.Lock()
        self.head = Atomic(0)
        self.count = Atomic(3)
        self.next = [Atomic(1), Atomic(2), Atomic(-1)]

    def pop(self):
        with self.lock:
            while self.count.load() > 1:
                head = self.head.load()
                following = self.next[head].exchange(-1)
                if following >= 0:
                    if self.head.compare_exchange(head, following) == head:
                        self.count.add(-1)
                        return head
                    self.next[head].store(following)
                else:
                    time.sleep(0)
            return -1

    def push(self, index):
        with self.lock:
            head = self.head.load()
            while True:
                self.next[index].store(head)
                found = self.head.compare_exchange(head, index)
                if found == head:
                    break
                head = found
            self.count.add(1)


class Users:
    def __init__(self):
        self.stack = SafeStack()
        self.value = [None] * 3

    def use(self, me):
        for _ in range(2):
            index = self.stack.pop()
            while index < 0:
                index = self.stack.pop()
            self.value[index] = me
            assert self.value[index] == me
            self.stack.push(index)


def test_an_index_has_one_user_at_a_time():
    users = Users()
    threads = [threading.Thread(target=users.use, args=(me,)) for me in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
