import threading

from check_then_insert_app_fixed import Hub


def test_every_subscriber_is_in_the_one_channel():
    hub = Hub()
    threads = [threading.Thread(target=hub.subscribe, args=("news", who)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(hub.channel("news").subscribers) == ["ann", "bob"]
