from pathlib import Path

from .buggy import first_out_of_order, read_events, record

DEVICES = ["pump", "valve", "fan"]


def test_the_log_is_whole_and_in_order(tmp_path: Path) -> None:
    record(tmp_path / "plant.log", DEVICES)
    events = read_events(tmp_path / "plant.log")
    assert len(events) == 2 * len(DEVICES)
    assert first_out_of_order(events) is None
    for device in DEVICES:
        assert [event.text for event in events if event.source == device] == ["started", "stopped"]
