from .broker import Broker
from .buggy import Consumer, Warehouse

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
