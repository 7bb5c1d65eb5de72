"""A word count that fans out over the pages of a book; each page is counted apart and merged under a lock."""

import threading
from collections import Counter


def count_words(pages):
    counts = Counter()
    lock = threading.Lock()

    def count(page):
        here = Counter(page.split())
        with lock:
            counts.update(here)

    threads = [threading.Thread(target=count, args=(page,)) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def test_every_word_on_every_page_is_counted():
    counts = count_words(["the whale and the sea", "the captain", "a sea"])
    assert counts == {"the": 3, "whale": 1, "and": 1, "sea": 2, "captain": 1, "a": 1}
