import threading

from lazy_singleton_app import get_registry, register


def test_first_use_by_two_threads_gives_one_registry():
    threads = [threading.Thread(target=register, args=(name,)) for name in ("requests", "errors")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get_registry().names == {"requests", "errors"}
