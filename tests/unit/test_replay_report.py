"""What a replay would do is told as it is, and what is otherwise than it was is said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract import Rejected
from local.check.report import Checked
from local.check.samples import Sample
from local.rejected.__main__ import told
from local.rejected.judging import Verdict, verdict_of
from local.rejected.letters import Letter
from local.rejected.records import TopicTimes
from spark_jobs.settings import DetectorSettings

AT = datetime(2018, 3, 1, 10, tzinfo=UTC)
RECORD = Sample(None, bytearray(b"{}"), "t", 0, 7, AT, None)


def letter(*reasons: str) -> Letter:
    return Letter(Rejected(topic="t", partition=0, offset=7, timestamp=AT, reasons=reasons, schema_version=3), None, AT)


def read_as(kind: str, *reasons: str) -> Checked:
    return Checked("t/0/0", "rejected" if reasons else kind, None, {}, reasons, (), 0)


@pytest.mark.parametrize(
    ("checked", "fate"),
    [
        ([], ("passed over", ())),
        ([read_as("transaction")], ("scored", ())),
        ([read_as("label")], ("remembered", ())),
        ([read_as("transaction", "empty")], ("rejected", ("empty",))),
        ([read_as("transaction", "missing:amount"), read_as("transaction")], ("scored", ("missing:amount",))),
    ],
    ids=["passed over", "payment", "label", "faulty", "array with a faulty element"],
)
def test_a_letter_has_the_fate_of_its_records(checked: list[Checked], fate: tuple[str, tuple[str, ...]]) -> None:
    found = verdict_of(letter("empty"), RECORD, checked, DetectorSettings())
    assert (found.outcome, found.why) == fate
    assert found.passes == (fate[0] in ("scored", "remembered"))


def test_a_payment_before_publish_from_gives_no_record() -> None:
    settings = DetectorSettings(publish_from=AT + timedelta(microseconds=1))
    found = verdict_of(letter("empty"), RECORD, [read_as("transaction")], settings)
    assert (found.outcome, found.why) == ("remembered", ("it came before publish_from",))
    settings = DetectorSettings(publish_from=AT)
    assert verdict_of(letter("empty"), RECORD, [read_as("transaction")], settings).outcome == "scored"


@pytest.mark.parametrize(
    ("times", "reason", "notes"),
    [
        (TopicTimes(1, False, None), "empty", []),
        (TopicTimes(1, False, timedelta.max), "empty", []),
        (TopicTimes(1, False, timedelta(days=7)), "empty", ["t: 1 records are older than its retention.ms"]),
        (TopicTimes(1, True, timedelta(days=7)), "empty", ["t has Kafka's own times (LogAppendTime): 1 records"]),
        (TopicTimes(1, False, None), "invalid_timestamp", ["1 records were refused for Kafka's time of them"]),
    ],
    ids=["as it was", "kept for ever", "old", "appended", "wrong time"],
)
def test_a_time_that_is_otherwise_is_told(times: TopicTimes, reason: str, notes: list[str]) -> None:
    one = letter(reason)
    found: dict[str, Any] = told([one], [Verdict(one, "scored", (), RECORD)], 0, {"t": times}, None)
    assert len(found["notes"]) == len(notes)
    assert all(note.startswith(expected) for note, expected in zip(found["notes"], notes, strict=True)), found["notes"]
