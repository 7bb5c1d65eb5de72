from pathlib import Path

from .fixed import Dispatcher
from .gateways import Gateway


def test_nothing_is_in_flight_when_every_receipt_is_in(tmp_path: Path) -> None:
    with open(tmp_path / "audit.log", "a", buffering=1) as audit:
        dispatcher = Dispatcher([Gateway("mail"), Gateway("push"), Gateway("sms")], audit)
        dispatcher.dispatch("the server room is on fire")
        dispatcher.close()
    assert dispatcher.in_flight() == {"mail": 0, "push": 0, "sms": 0}
