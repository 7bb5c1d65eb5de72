"""A client that is made when it is first used, with double-checked locking."""

import threading


class Client:
    def __init__(self):
        self.token = None

    def log_in(self):
        self.token = "secret"


class Service:
    def __init__(self):
        self._client = None
        self._lock = threading.Lock()

    def client(self):
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = Client()
                    self._client.log_in()
        return self._client

    def call(self):
        return self.client().token


def test_every_call_has_a_token():
    service = Service()
    tokens = []
    threads = [threading.Thread(target=lambda: tokens.append(service.call())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens == ["secret", "secret"]
