"""SCTBench ConVul CVE-2011-2183: a scanner goes over a list of slots while a process that has the only slot exits.

The scanner finds the list not empty, and takes the lock only then. If the slot has gone meanwhile, what it uses is the
head of the list, which has no memory.
"""

import threading


class Memory:
    def __init__(self):
        self.address = 0


class Slot:
    def __init__(self, mm=None):
        self.mm = mm
        self.next = self

    def free(self):
        self.mm = None


class Scan:
    def __init__(self):
        self.lock = threading.Lock()
        self.head = Slot()
        self.slot = Slot(Memory())
        self.slot.next = self.head
        self.head.next = self.slot
        self.cursor = self.head

    def scan(self):
        if self.head.next is self.head:
            return
        with self.lock:
            slot = self.head.next
            self.cursor = slot
        slot.mm.address = 1

    def exit(self):
        with self.lock:
            if self.cursor is not self.slot:
                self.head.next = self.slot.next
                self.slot.free()


def test_the_scanner_uses_a_slot_of_the_list():
    scan = Scan()
    threads = [threading.Thread(target=target, name=target.__name__) for target in (scan.scan, scan.exit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
