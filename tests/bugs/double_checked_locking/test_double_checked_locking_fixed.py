"""A client that is made when it is first used: it can be seen only when it is complete."""

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
        with self._lock:
            if self._client is None:
                client = Client()
                client.log_in()
                self._client = client
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
