"""Kafka away for five minutes, frozen and killed, in both modes: `make faults`."""

from pathlib import Path

import pytest

from tests.outage import COUNT, outages

FIVE_MINUTES = 300


@pytest.mark.timeout(1_800)
def test_a_broker_that_is_away_for_five_minutes_costs_no_alert(tmp_path: Path) -> None:
    for one in outages(tmp_path, FIVE_MINUTES):
        assert one.sent == 3 * COUNT
        print(f"{one.mode}: started again {one.restarts} times")
