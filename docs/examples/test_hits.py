import threading


class Page:
    def __init__(self):
        self.hits = 0

    def visit(self):
        self.hits += 1


def test_a_page_can_be_visited_by_two_at_once():
    page = Page()
    threads = [threading.Thread(target=page.visit, name=name) for name in ("red", "blue")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert page.hits > 0
