"""A pool of connections: to find a free one and to mark it is one step."""

import threading


class Connection:
    def __init__(self, number):
        self.number = number
        self.lent = False


class Pool:
    def __init__(self, size):
        self._connections = [Connection(number) for number in range(size)]
        self._lock = threading.Lock()

    def borrow(self):
        with self._lock:
            for connection in self._connections:
                if not connection.lent:
                    connection.lent = True
                    return connection
        raise LookupError("all connections are lent")


def test_two_borrowers_have_two_connections():
    pool = Pool(2)
    borrowed = []
    threads = [threading.Thread(target=lambda: borrowed.append(pool.borrow().number)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(borrowed) == [0, 1]
