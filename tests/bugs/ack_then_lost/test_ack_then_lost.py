from ack_then_lost_app import Broker, Consumer


def test_every_message_is_worked_on():
    consumer = Consumer(Broker(["a", "b", "c"]))
    consumer.run()
    assert sorted(consumer.done) == ["a", "b", "c"]
