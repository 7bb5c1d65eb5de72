"""A mailer that sleeps until it is woken by an event, which it clears before it looks."""

import threading
from collections import deque


class Mailer:
    def __init__(self):
        self.sent = []
        self._outbox = deque()
        self._wake_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mailer")
        self._thread.start()

    def send(self, mail):
        self._outbox.append(mail)
        self._wake_up.set()

    def close(self):
        self.send(None)
        self._thread.join()

    def _run(self):
        while True:
            self._wake_up.wait()
            self._wake_up.clear()
            while self._outbox:
                mail = self._outbox.popleft()
                if mail is None:
                    return
                self.sent.append(mail)


def test_all_mails_are_sent_when_the_mailer_closes():
    mailer = Mailer()
    mailer.send("hello")
    mailer.send("goodbye")
    mailer.close()
    assert mailer.sent == ["hello", "goodbye"]
