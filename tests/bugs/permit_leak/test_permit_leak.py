"""A fetcher with two permits and one connection, which gives up when the connection is busy."""

import queue
import threading


class Fetcher:
    def __init__(self):
        self._permits = threading.Semaphore(2)
        self._connections = queue.Queue()
        self._connections.put("connection")

    def fetch(self, page):
        self._permits.acquire()
        try:
            connection = self._connections.get(timeout=0.5)
        except queue.Empty:
            return None
        answer = f"{page} over {connection}"
        self._connections.put(connection)
        self._permits.release()
        return answer

    def close(self):
        for _ in range(2):
            self._permits.acquire()  # wait for whoever is fetching


def test_the_fetcher_can_be_closed_after_two_fetches():
    fetcher = Fetcher()
    threads = [threading.Thread(target=fetcher.fetch, args=(page,)) for page in ("home", "news")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fetcher.close()
