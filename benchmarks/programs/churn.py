"""Three tasks that work on many short-lived objects: addresses are used again, locations come and go."""

import threading

OPERATIONS = 12  # of one turn: reads and writes of attributes, items and containers
_lock = threading.Lock()


class Entry:
    def __init__(self, number):
        self.number = number
        self.total = 0


def body_of(turns):
    """Return a body in which each of three tasks makes so many turns."""

    def body():
        table = {}
        shared = Entry(0)

        def work(who):
            for turn in range(turns):
                entry = Entry(turn)  # two writes
                table[who, turn % 5_000] = entry  # a write, of one of 15,000 items
                entry.total += turn  # a read and a write
                entry.number = entry.total  # a read and a write
                shared.total = shared.total + entry.number  # two reads and a write
                if turn % 100 == 0:
                    with _lock:
                        shared.number += 1
                table.get((who, turn % 5_000))  # a read
                entry.total = 0  # a write

        threads = [threading.Thread(target=work, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return body
