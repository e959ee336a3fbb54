"""The topics: what each is for, who writes it, how it is kept. Every name is a setting; these are the defaults."""

from dataclasses import asdict, dataclass
from typing import Self

DAY_MS = 24 * 60 * 60 * 1000
RECEIPT = "replayed"
"""Header of a receipt, a record without a value among the dead letters, which says that one was sent again (docs/adr/0029). It has
Kafka's time of the record that was replayed, milliseconds since 1970: a topic that is made anew has the same places again, at other
times."""

LOADED_FROM = "loaded-from"
"""Header of a record that was in a file (docs/adr/0032): the file's place and the line, such as s3a://fraud/inbox/monday.csv:17."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """How a topic is created. `settings` are Kafka topic settings by their Kafka names."""

    name: str
    partitions: int
    settings: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Names of the nine topics."""

    transactions: str = "transactions"
    labels: str = "transactions.labels"
    customers: str = "customers"
    merchants: str = "merchants"
    scored: str = "transactions.scored"
    rejected: str = "transactions.rejected"
    alerts: str = "fraud.alerts"
    rulesets: str = "fraud.rulesets"
    files: str = "fraud.files"

    def prefixed(self, prefix: str) -> Self:
        """Returns the same topics with `prefix` before each name: several systems on one cluster."""
        return type(self)(**{field: prefix + name for field, name in asdict(self).items()})

    def inputs(self) -> tuple[str, ...]:
        """Names of the topics that the detector reads, transactions first."""
        return (self.transactions, self.labels, self.customers, self.merchants)

    def outputs(self) -> tuple[str, ...]:
        """Names of the topics that the stream writes; the detector's start writes `rulesets` and `files`."""
        return (self.scored, self.rejected, self.alerts)

    def specs(self, partitions: int) -> tuple[TopicSpec, ...]:
        """How each topic is created: `partitions` for those that carry traffic by card, one for profiles, rulesets and files.

        Profiles, rulesets and the receipts of files are compacted: the newest record of a key is kept for ever. What the stream
        writes carries the broker's append time, so that the time from a transaction to its alert can be read off the records. Dead
        letters repeat what came, whatever it was, and are kept for as long as alerts.
        """
        traffic = {"retention.ms": str(7 * DAY_MS)}
        appended = {**traffic, "message.timestamp.type": "LogAppendTime"}
        compacted = {"cleanup.policy": "compact"}
        settings = {
            self.transactions: (partitions, traffic),
            self.labels: (partitions, traffic),
            self.customers: (1, compacted),
            self.merchants: (1, compacted),
            self.scored: (partitions, appended),
            self.rejected: (1, appended),
            self.alerts: (partitions, appended),
            self.rulesets: (1, compacted),
            self.files: (1, compacted),
        }
        return tuple(TopicSpec(name=name, partitions=count, settings=kept) for name, (count, kept) in settings.items())

    def __post_init__(self) -> None:
        """Refuses two topics of one name.

        Raises:
            ValueError: which name is used twice.
        """
        names = list(asdict(self).values())
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two topics have the same name: {', '.join(sorted(repeated))}")
