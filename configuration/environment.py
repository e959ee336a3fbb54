"""Settings in the environment, FRAUD_*. A name that no program of this project knows is a mistake that nobody would notice."""

import re
from collections.abc import Iterable

PREFIX = "FRAUD_"
NESTED = "__"
"""Between the name of a group and that of a setting in it."""

ELSEWHERE = frozenset({"CONFIG", "HOME", "RETRAINING", "E2E_NAMESPACE"})
"""No settings, but known: of --config, of the `fraud` command, of dags/fraud_retraining.py, of the end-to-end tests."""
KNOWN = frozenset(
    {
        "at",
        "backfill",
        "base_rate",
        "blind_sample",
        "campaigns",
        "card_key_file",
        "card_numbers",
        "cards_per_day",
        "channels",
        "checkpoint",
        "clock",
        "console",
        "consumer_group",
        "count",
        "create_topics",
        "customers",
        "data",
        "day",
        "days",
        "decline_precision",
        "duration",
        "family",
        "file",
        "files",
        "filtered_inputs",
        "folds",
        "group",
        "history",
        "html",
        "inline_labels",
        "input",
        "inputs",
        "json_summary",
        "kafka",
        "keep",
        "key",
        "label_delay",
        "label_delay_distribution",
        "label_never_reported",
        "labels",
        "ledger",
        "limits",
        "log_dir",
        "max_declines_per_minute",
        "max_offsets",
        "max_skew",
        "merchants",
        "metrics",
        "model",
        "min_frauds",
        "models",
        "offset",
        "old",
        "on_lost_records",
        "out",
        "outbox",
        "output",
        "partition",
        "partitions",
        "postgres",
        "promote",
        "publish_from",
        "rate",
        "reason",
        "records",
        "retention",
        "retry",
        "review_cost",
        "routes",
        "rows",
        "rules",
        "s3",
        "seed",
        "send",
        "show_mapping",
        "signing_key_file",
        "since",
        "sinks",
        "spark",
        "speed",
        "start",
        "state_partitions",
        "stop_timeout",
        "store",
        "textfile",
        "thresholds",
        "timeout",
        "to",
        "topic",
        "topics",
        "traffic",
        "transactions",
        "trigger",
        "until",
        "watch",
    }
)
"""Settings of all programs, and groups of them: programs share an environment. tests/unit/test_environment.py keeps it whole."""

SERVICE = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
"""What Kubernetes adds to a Service's name: of `fraud-kafka` each pod beside it is told FRAUD_KAFKA_SERVICE_HOST and six others."""


def unknown_variables(environment: Iterable[str], own: Iterable[str]) -> list[str]:
    """Returns the names of the environment that begin with FRAUD_ and that nobody knows; `own` are settings beside `KNOWN`."""
    given = {name.upper(): name for name in environment if name.upper().startswith(PREFIX)}
    known = {one.upper() for one in (*own, *KNOWN)} | ELSEWHERE
    return [
        given[name]
        for name in sorted(given)
        if name.removeprefix(PREFIX).partition(NESTED)[0] not in known and not _is_of_kubernetes(name, given)
    ]


def _is_of_kubernetes(name: str, given: Iterable[str]) -> bool:
    services = [one.removesuffix("_SERVICE_HOST") for one in given if one.endswith("_SERVICE_HOST")]
    return any(name.startswith(one) and SERVICE.fullmatch(name.removeprefix(one)) for one in services)
