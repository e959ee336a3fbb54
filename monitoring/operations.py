"""*Operations*: whether detector, archiver, watcher and broker do their work, and what they need for it."""

from grafana_foundation_sdk.builders import dashboard

from monitoring.boards import Looks, board
from monitoring.panels import Panel, Told, bars, lines
from monitoring.queries import over_time

SEEN = "[30m]"
"""In real-time mode the detector tells of itself once a checkpoint, every five minutes by default: a window has several of them."""


def operations() -> dashboard.Dashboard:
    """Returns the dashboard: of each program its own metrics."""
    about = "Lag, checkpoints, state, memory and stores: the metrics of detector, archiver and watcher."
    return board("fraud-operations", "Fraud: operations", about, Looks("3h", "30s"), (*_progress(), *_detector(), *_around()))


def _progress() -> tuple[Panel, ...]:
    return (
        lines(
            Told(
                "Records not read yet",
                "Records in Kafka that detector and archiver's sinks have not read. They grow where one is too slow.",
                "short",
            ),
            over_time("max(fraud_lag_rows)", "detector"),
            over_time("max by (sink) (fraud_archive_lag_rows)", "archiver: {{sink}}"),
        ),
        lines(
            Told("Age", "How old the newest result is, and for how long payments have waited without one.", "s"),
            over_time("max(fraud_watch_newest_scored_age_seconds)", "newest result"),
            over_time("max(fraud_watch_oldest_unscored_seconds)", "waiting"),
            over_time("max(fraud_lag_seconds)", "newest record read, where others wait"),
        ),
        lines(
            Told(
                "Silence",
                "Time since detector and sinks last reported progress. In real-time mode the detector reports once a checkpoint.",
                "s",
            ),
            over_time("max(fraud_seconds_since_progress)", "detector"),
            over_time("max by (sink) (fraud_archive_seconds_since_progress)", "archiver: {{sink}}"),
        ),
    )


def _detector() -> tuple[Panel, ...]:
    return (
        bars(
            Told(
                "Phases of a batch",
                "Spark's durationMs of the last batch. walCommit and commitOffsets write the checkpoint: slow storage shows here.",
                "s",
            ),
            over_time('max by (phase) (fraud_batch_phase_seconds{phase!="triggerExecution"})', "{{phase}}"),
        ),
        lines(
            Told("Time of a batch", "Time that a batch took, on average over half an hour.", "s"),
            over_time(
                f"sum(rate(fraud_batch_duration_seconds_sum{SEEN})) / sum(rate(fraud_batch_duration_seconds_count{SEEN}))",
                "average",
            ),
        ),
        lines(
            Told(
                "State, entries", "Entries in the history of cards and terminals. It levels off after the longest window.", "short"
            ),
            over_time("max by (group) (fraud_state_rows)", "{{group}}"),
        ),
        lines(
            Told("State, size", "Memory in use and files on disk of the history, over all executors.", "bytes"),
            over_time("max by (group, where) (fraud_state_bytes)", "{{group}}, {{where}}"),
        ),
        lines(
            Told(
                "Task slots",
                "Slots that the topics need in real-time mode, and those that Spark has. With too few the next batch cannot begin. "
                "Both are 0 in micro-batches.",
                "short",
            ),
            over_time("max(fraud_slots_needed)", "needed"),
            over_time("max(fraud_slots_had)", "had"),
        ),
        lines(
            Told(
                "Garbage collection",
                "Share of its time that a Java process of the detector spends on garbage collection, by executor.",
                "percentunit",
            ),
            over_time(f"sum by (executor) (rate(fraud_gc_seconds{SEEN}))", "{{executor}}"),
        ),
        bars(
            Told("Dead letters", "Records rejected, by reason code. `fraud rejected list` shows them.", "cps"),
            over_time("sum by (reason) (rate(fraud_watch_rejected_total[$__rate_interval]))", "{{reason}}"),
        ),
    )


def _around() -> tuple[Panel, ...]:
    return (
        lines(
            Told("Records a second", "Records that came to each topic of payments, and to each that the detector writes.", "cps"),
            over_time("sum by (topic) (rate(fraud_watch_in_records_total[$__rate_interval]))", "{{topic}}"),
            over_time("sum by (topic) (rate(fraud_watch_out_records_total[$__rate_interval]))", "{{topic}}"),
        ),
        lines(
            Told(
                "Broker, watcher, stores",
                "1: Kafka answers; the watcher has read all; a sink has failed and is tried again. The first two are to be 1.",
                "none",
            ),
            over_time("min(fraud_watch_broker_reachable)", "broker answers"),
            over_time("min(fraud_watch_up_to_date)", "watcher is up to date"),
            over_time("max by (sink) (fraud_archive_retrying)", "{{sink}} is tried again"),
        ),
        lines(
            Told("Archiver, records a second", "Records that each sink has taken, on average over half an hour.", "cps"),
            over_time(f"sum by (sink) (rate(fraud_archive_rows_total{SEEN}))", "{{sink}}"),
        ),
        lines(
            Told(
                "Archiver, time of a batch",
                "Time that the last batch of each sink took. One that takes longer than trigger.interval falls behind.",
                "s",
            ),
            over_time("max by (sink) (fraud_archive_batch_seconds)", "{{sink}}"),
        ),
    )
