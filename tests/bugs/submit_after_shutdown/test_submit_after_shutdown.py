"""A service that takes jobs until it is closed."""

from concurrent.futures import ThreadPoolExecutor


class Service:
    def __init__(self):
        self._closed = False
        self._pool = ThreadPoolExecutor(max_workers=1)

    def submit(self, job):
        if self._closed:
            return None
        return self._pool.submit(job)

    def close(self):
        self._closed = True
        self._pool.shutdown()


def test_a_client_of_a_closing_service_is_served_or_turned_away():
    service = Service()
    with ThreadPoolExecutor(max_workers=1) as clients:
        answer = clients.submit(service.submit, int)
        service.close()
    assert answer.result() is None or answer.result().result() == 0
