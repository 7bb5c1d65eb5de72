import threading

from lease_outlived_stall_app_fixed import Stock


def test_the_stock_goes_down_by_all_that_was_shipped():
    stock = Stock(100)
    threads = [
        threading.Thread(target=stock.ship, args=(name, pieces), name=name)
        for name, pieces in [("north", 10), ("south", 20)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    in_stock, _ = stock.store.read()
    assert in_stock == 70
