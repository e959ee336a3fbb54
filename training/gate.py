"""The gate: whether a version may be promoted. Every reason against it is told at once, and the report is attached."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from configuration import FraudDetectionError
from spark_jobs.errors import UnusableModel
from training.audit import Report
from training.bundle import Manifest, sha256
from training.store import ModelStore, require_features

METRIC = "average_precision"
"""What a new champion is judged by: of the metrics the one that is about rare frauds and hangs on no threshold."""
MIN_FRAUDS = 10
"""Among the payments that it was judged on. With fewer, which of two models has the higher average precision is luck; who has more
frauds should ask for more."""
MAX_SKEW = 0.01
"""As the trainer's own limit (`training.skew.LIMIT`)."""
REFUSED = 6
"""Exit code."""


class Refused(FraudDetectionError):
    """A version may not be promoted."""

    exit_code = REFUSED


class UnreadableReport(FraudDetectionError):
    """A report that the gate is given cannot be read."""


class Reason(NamedTuple):
    """Why not."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class Asked:
    """What the gate asks for beside the store."""

    quality: Mapping[str, Any] | None = None
    """The report of `fraud quality check --json`; None: nobody has checked."""
    min_frauds: int = MIN_FRAUDS
    max_skew: float = MAX_SKEW


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a version."""

    version: str
    compared: str
    """How it compares with the champion, in one sentence."""
    reasons: tuple[Reason, ...]
    report: Report | None
    """The version's own; None: it has none, as one that was added by hand."""

    @property
    def sentence(self) -> str:
        """All reasons."""
        told = [one.sentence.rstrip(".") for one in self.reasons]
        return told[0] if len(told) == 1 else "; ".join(f"({number}) {one}" for number, one in enumerate(told, 1))

    def require(self) -> None:
        """Checks that it may be promoted.

        Raises:
            Refused: it may not.
        """
        if self.reasons:
            attached = f". Its report: {self.report.path}" if self.report else ""
            raise Refused(
                f"{self.version} does not take its place. {self.sentence}{attached}", "If it must: --force --reason 'WHY'."
            )

    def json(self) -> dict[str, Any]:
        """Returns it for scripts."""
        return {
            "version": self.version,
            "may_be_promoted": not self.reasons,
            "compared": self.compared,
            "reasons": [one._asdict() for one in self.reasons],
            "report": self.report.model_dump() if self.report else None,
        }


def judge(store: ModelStore, version: str, asked: Asked) -> Verdict:
    """Returns whether a version may be promoted, by its manifest, its report and what is asked.

    A version without a report is judged by what is known of it: its metrics, its features and its mark.

    Raises:
        NoSuchModel, UnusableModel: the version or the champion.
        UnreadableReport: the version's report is none.
    """
    manifest, content = store.manifest(version), store.report(version)
    told = _parsed(content, f"The report of {version}") if content else {}
    champion = store.pointed("champion")
    rival = None if champion is None or champion.version == version else champion
    compared, is_worse = _compared(manifest, rival, told.get("champion"))
    reasons = [*([Reason("worse", compared)] if is_worse else []), *_of_report(told, asked), *_of_store(store, manifest)]
    if content is None:
        return Verdict(version, compared, tuple(reasons), None)
    return Verdict(version, compared, tuple(reasons), Report(path=store.report_path(version), sha256=sha256(content)))


def quality_of(file: Path) -> dict[str, Any]:
    """Returns the report in a file that `fraud quality check --json` has written.

    Raises:
        UnreadableReport: it is none.
    """
    try:
        found = _parsed(file.read_bytes(), str(file))
    except OSError as error:
        raise UnreadableReport(f"{file} cannot be read: {error.strerror}", "Check --quality.") from None
    if not isinstance(found.get("expectations"), list):
        raise UnreadableReport(f"{file} is no report of `fraud quality check --json`", "Check --quality.")
    return found


def _compared(candidate: Manifest, champion: Manifest | None, judged: Mapping[str, Any] | None) -> tuple[str, bool]:
    """Returns a sentence, and whether the candidate is worse. What the report says of another champion than today's is old."""
    if champion is None:
        return "There was no champion", False
    same_days = judged is not None and judged.get("version") == champion.version
    new, days = candidate.metrics.get(METRIC), " on the same days" if same_days else ""
    old = judged.get(METRIC) if judged and same_days else champion.metrics.get(METRIC)
    said = f"Average precision {_number(new)}, that of the champion {champion.version}{days} {_number(old)}"
    return said, new is None or old is None or new < old


def _of_report(told: Mapping[str, Any], asked: Asked) -> Iterator[Reason]:
    for leak in told.get("leaks") or ():
        yield Reason("leak", f"Leak found: {leak['sentence']}")
    frauds = (told.get("judged_on") or {}).get("frauds")
    if frauds is not None and frauds < asked.min_frauds:
        yield Reason("few_frauds", f"It was judged on {frauds:,} frauds, and at least {asked.min_frauds:,} are asked for")
    if told.get("skew"):
        yield from _skew(told["skew"], asked.max_skew)
    for one in (asked.quality or {}).get("expectations", ()):
        if one["severity"] == "critical" and one["success"] is False:
            day = (asked.quality or {}).get("day")
            yield Reason("quality", f"The data of {day} cannot be trusted: expected {one['says']}, found {one['observed']}")


def _of_store(store: ModelStore, manifest: Manifest) -> Iterator[Reason]:
    try:
        require_features(manifest)
    except UnusableModel as error:
        yield Reason("features", error.what)
    if (mark := store.audit.marked(manifest.version)) is not None:
        yield Reason("rolled_back", f"It was rolled back on {mark.at:%Y-%m-%d %H:%M:%S}Z by {mark.by}: {mark.reason}")


def _skew(found: dict[str, Any], limit: float) -> Iterator[Reason]:
    from training.skew import SkewTooLarge, require_little  # with Spark, which no other command here needs

    try:
        require_little(found, limit)
    except SkewTooLarge as error:
        yield Reason("skew", error.what)


def _parsed(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnreadableReport(f"{what} is no JSON object", "Make it anew.")
    return found


def _number(metric: float | None) -> str:
    return "unknown" if metric is None else f"{metric:.4f}"
