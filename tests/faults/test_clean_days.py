"""Thirty clean days are silent: `make faults`. What is planted into a day is found in tests/unit/test_quality.py."""

from datetime import timedelta

from quality.checking import Beside, check, failed
from quality.days import Days
from tests import closed_days
from tests.closed_days import DAY


def test_thirty_clean_days_are_silent() -> None:
    lake = {of: closed_days.tables(of) for of in (DAY + timedelta(days=number) for number in range(-28, 31))}
    days = Days(closed_days.rows_of(lake))
    for number in range(30):
        of = DAY + timedelta(days=number)
        found = check(days, of, Beside(label_delay=7.0, null_shares=None, missing_in_lake=None))
        assert failed(found, "critical") + failed(found, "warning") == [], of
