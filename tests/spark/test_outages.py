"""Kafka away for a moment, frozen and killed, in real-time mode; tests/faults has minutes of it, in both modes."""

from pathlib import Path

import pytest

from tests.outage import outages

MOMENT = 5


@pytest.mark.fresh
@pytest.mark.timeout(400)
def test_a_broker_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    assert [one.restarts for one in outages(tmp_path, MOMENT, ["realTime"])] == [0]
