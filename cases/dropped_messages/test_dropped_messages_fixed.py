import threading

from .broker import Broker
from .fixed import Consumer, Warehouse

ORDERS = ["order-1", "order-2", "order-3"]


def test_every_order_is_shipped() -> None:
    broker, warehouse = Broker(), Warehouse()
    consumer = Consumer(broker, warehouse.ship)
    consumer.start()
    for order in ORDERS:
        broker.publish(order)
    consumer.stop()
    assert warehouse.shipped() == ORDERS
    assert broker.pending() == []


def test_no_hand_off_is_abandoned() -> None:
    broker, warehouse = Broker(), Warehouse()
    consumer = Consumer(broker, warehouse.ship)
    consumer.start()
    for order in ORDERS:
        broker.publish(order)
    consumer.stop()
    assert consumer.abandoned == 0


def test_an_order_that_is_delivered_twice_is_shipped_once() -> None:
    broker, warehouse = Broker(), Warehouse()
    consumer = Consumer(broker, warehouse.ship)
    consumer.start()
    for order in [*ORDERS, "order-1"]:
        broker.publish(order)
    consumer.stop()
    assert warehouse.shipped() == ORDERS


def test_a_hard_stop_leaves_with_the_broker_what_was_not_shipped() -> None:
    broker, warehouse = Broker(), Warehouse()
    consumer = Consumer(broker, warehouse.ship)
    consumer.start()
    for order in ORDERS:
        broker.publish(order)
    consumer.stop(hard=True)
    assert sorted([*warehouse.shipped(), *broker.pending()]) == ORDERS


def test_an_order_that_fails_stays_with_the_broker_until_it_is_shipped() -> None:
    broker, warehouse = Broker(), Warehouse()
    last_label_gone = threading.Lock()

    def ship(order: str) -> None:
        if last_label_gone.acquire(blocking=False):
            raise RuntimeError("out of labels")
        warehouse.ship(order)

    consumer = Consumer(broker, ship)
    consumer.start()
    for order in ORDERS:
        broker.publish(order)
    consumer.stop()
    assert sorted([*warehouse.shipped(), *broker.pending()]) == ORDERS
