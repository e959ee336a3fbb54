"""Sends dead letters again, after a dry run. `python -m local.rejected --config FILE --reason invalid:amount --send`.

`fraud rejected replay` calls it.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pydantic import AwareDatetime, Field
from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Table

from configuration import FraudDetectionError, report, require_topics
from local.rejected.judging import IN_WORDS, PASSES, Verdict, judge
from local.rejected.letters import Letter, Wanted, read
from local.rejected.records import WRONG_TIME, Records, TopicTimes, topic_times
from local.rejected.sending import Sender
from spark_jobs import failures, session, sources
from spark_jobs.settings import DetectorSettings

PROGRAM = "python -m local.rejected"
NAME = "replay"
OK, SOME_STAY = 0, 4


class ReplaySettings(DetectorSettings):
    """Sends dead letters again to the topics that they came from; without --send it tells what would become of them.

    It takes the detector's settings, so that the detector's own file can be given, and uses kafka, topics, input, limits and
    publish_from: with these the letters are judged.
    """

    reason: str | None = Field(None, min_length=1, description="Only letters with this code, or code and field: invalid:amount")
    topic: str | None = Field(None, min_length=1, description="Only letters of records of this topic")
    since: AwareDatetime | None = Field(None, description="Only letters that were written then or later")
    send: bool = Field(False, description="Send what would pass; without it nothing is written")
    output: Literal["table", "json"] = Field("table", description="For people, or for scripts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; returns 0 if all letters pass, 4 if some stay, 1 for an error."""
    try:
        settings = ReplaySettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told("The letters cannot be judged", "Check the settings.", NAME, settings.log_dir):
            found = run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    if settings.output == "json":
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        show(found, Console(highlight=False, markup=False))
    return OK if found["ok"] else SOME_STAY


def run(settings: ReplaySettings) -> dict[str, Any]:
    """Returns the report, from a Spark session of its own; sends, where `send` says so.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors` or `local.errors`, or the broker cannot be reached.
    """
    require_topics(settings.kafka, [settings.topics.rejected])
    sender = Sender(settings.kafka, settings.topics.rejected) if settings.send else None
    letters = read(settings.kafka, settings.topics.rejected, Wanted(settings.reason, settings.topic, settings.since))
    if not letters.waiting:
        return told(letters.waiting, [], len(letters.replayed), {}, sender)
    with TemporaryDirectory() as folder:  # for Spark's log
        spark = session.build(NAME, settings.spark, settings.s3, 1, Path(folder))
        try:
            return replay(spark, letters.waiting, len(letters.replayed), settings, sender)
        finally:
            spark.stop()


def replay(
    spark: SparkSession, letters: Sequence[Letter], replayed: int, settings: DetectorSettings, sender: Sender | None
) -> dict[str, Any]:
    """Returns the report of letters that wait; sends those that pass, where there is a sender. `replayed` were so before."""
    inputs = sources.inputs_of(settings.input, settings.topics)
    sources.require_inputs(spark, inputs)
    times = topic_times(settings.kafka, settings.input_topics)
    with Records(settings.kafka, inputs, times) as records:
        verdicts = judge(spark, letters, records, settings)
    if sender is not None:
        sender.send([one for one in verdicts if one.passes])
    return told(letters, verdicts, replayed, times, sender)


def told(
    letters: Sequence[Letter], verdicts: Sequence[Verdict], replayed: int, times: Mapping[str, TopicTimes], sender: Sender | None
) -> dict[str, Any]:
    """Returns the report, as `--json` prints it: counts, one entry a letter, notes, and `ok`, whether none stays."""
    return {
        "ok": all(one.passes for one in verdicts),
        "letters": len(letters),
        "sent": sender.sent if sender else 0,
        "is_dry_run": sender is None,
        "replayed_before": replayed,
        "outcomes": dict(Counter(one.outcome for one in verdicts)),
        "verdicts": [
            {"place": one.letter.place, "was": one.letter.rejected.reasons, "outcome": one.outcome, "why": one.why}
            for one in verdicts
        ],
        "notes": list(_notes([one for one in verdicts if one.passes], times)),
    }


def _notes(passing: Sequence[Verdict], times: Mapping[str, TopicTimes]) -> Iterator[str]:
    """Yields sentences about what is otherwise than it was when the record came."""
    now = datetime.now(UTC)
    for topic, known in times.items():
        ours = [one.letter.rejected for one in passing if one.letter.rejected.topic == topic]
        if known.is_appended and ours:
            yield (
                f"{topic} has Kafka's own times (LogAppendTime): {len(ours):,} records bear the time of the replay, and "
                "limits.max_age is asked of that."
            )
        old = sum(known.kept is not None and now - one.timestamp > known.kept for one in ours)
        if old and not known.is_appended:
            yield (
                f"{topic}: {old:,} records are older than its retention.ms, and Kafka may delete them soon: replay while the "
                "detector runs."
            )
    if wrong := sum(WRONG_TIME in one.letter.rejected.reasons for one in passing):
        yield f"{wrong:,} records were refused for Kafka's time of them: they bear the time of the replay."


def show(found: Mapping[str, Any], out: Console) -> None:
    """Prints the report for people: letters with one fate are one line, with an example."""
    if not found["letters"]:
        out.print(f"No letter waits; {found['replayed_before']:,} were replayed before.")
        return
    passing = sum(found["outcomes"].get(name, 0) for name in PASSES)
    what = f"{passing:,} would be replayed" if found["is_dry_run"] else f"{found['sent']:,} are replayed"
    out.print(f"{found['letters']:,} letters wait: {what}. {found['replayed_before']:,} were replayed before.")
    fates = Counter((one["outcome"], ", ".join(one["why"])) for one in found["verdicts"])
    examples = {(one["outcome"], ", ".join(one["why"])): one["place"] for one in reversed(found["verdicts"])}
    table = Table("letters", "what the detector would do", "why", "such as")
    for fate, count in fates.most_common():
        table.add_row(f"{count:,}", IN_WORDS[fate[0]], fate[1] or "-", examples[fate])
    out.print(table)
    for note in found["notes"]:
        out.print(f"Note: {note}")
    if found["is_dry_run"] and passing:
        out.print("Nothing was sent. The same with --send replays those that pass; start the mended detector first.")


if __name__ == "__main__":
    sys.exit(main())
