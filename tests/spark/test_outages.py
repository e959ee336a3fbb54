"""Kafka away for a moment, frozen and killed, in both modes; tests/faults has the long ones."""

from pathlib import Path

import pytest

from tests.outage import outages

MOMENT = 5


@pytest.mark.fresh
@pytest.mark.timeout(400)
def test_a_broker_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    assert [one.restarts for one in outages(tmp_path, MOMENT)] == [0, 0]
