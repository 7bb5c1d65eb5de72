"""A reply that one thread waits for and another one brings: looked for and waited for under one lock."""

import threading


class Reply:
    def __init__(self):
        self._arrived = threading.Condition()
        self._value = None

    def bring(self, value):
        with self._arrived:
            self._value = value
            self._arrived.notify()

    def wait(self):
        with self._arrived:
            while self._value is None:
                self._arrived.wait()
            return self._value


def test_the_reply_reaches_the_one_who_waits():
    reply = Reply()
    server = threading.Thread(target=reply.bring, args=("pong",), name="server")
    server.start()
    assert reply.wait() == "pong"
    server.join()
