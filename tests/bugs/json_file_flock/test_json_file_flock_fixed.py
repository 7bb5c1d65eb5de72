"""A stock that is kept in a JSON file, with a lock on it that other programs respect as well:
from the reading to the end of the writing."""

import fcntl
import json
import threading


class Stock:
    def __init__(self, path):
        self._path = path
        path.write_text(json.dumps({"tea": 0, "rice": 0}), encoding="utf-8")

    def read(self):
        with open(self._path, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return json.load(file)

    def deliver(self, article, amount):
        with open(self._path, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            stock = json.load(file)
            stock[article] += amount
            file.seek(0)
            file.truncate()
            json.dump(stock, file)


def test_both_deliveries_are_in_the_stock(tmp_path):
    stock = Stock(tmp_path / "stock.json")
    tea = threading.Thread(target=stock.deliver, args=("tea", 5), name="tea")
    rice = threading.Timer(0.1, stock.deliver, args=("rice", 7))
    tea.start()
    rice.start()
    tea.join()
    rice.join()
    assert stock.read() == {"tea": 5, "rice": 7}
