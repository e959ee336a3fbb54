"""What rules and a model would have done: the detector's own pipeline over history. `fraud backtest --from DIR --rules FILE`."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import structlog
import yaml
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table

from configuration import FraudDetectionError, InvalidSettings, Settings, report, yaml_files
from spark_jobs import failures, label_rule, session, sources
from spark_jobs.parts import Place
from spark_jobs.pipeline import features, judge
from spark_jobs.settings import S3, Rule, RuleName, Spark, on_s3
from spark_jobs.transforms.rehearsal import rehearse
from spark_jobs.transforms.score import ModelSource
from training import progress
from training.metrics import CARDS_A_DAY, card_precision
from training.store import ModelStore

PROGRAM = "python -m training.backtest"
NAME = "backtest"
MODEL = "the model"
"""The name under which the model's own thresholds stand among the rules."""

log = structlog.get_logger()


class BacktestSettings(Settings):
    """Runs rules and a model over labelled history, exactly as the stream would, and says what they catch and what they cost."""

    data: Place = Field(
        alias="from",
        description="Folder or s3a:// URL with {transactions,labels,customers,merchants}/, "
        "as `producer dataset` and the archiver write it",
    )
    rules: Path | None = Field(None, description="YAML file with `rules`, as in the detector's settings; null: no rules")
    model: str | None = Field(None, description="Version in the model store; null: no model")
    store: Place = Field(".fraud/models", description="Model store, a folder or s3a:// URL")
    since: AwareDatetime | None = Field(
        None,
        description="Judge later transactions only, such as 2018-08-01T00:00:00Z; null: those after what the model has learnt from",
    )
    json_summary: bool = Field(False, alias="json", description="Print JSON on standard output")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    spark: Spark = Field(Spark(conf={"spark.driver.memory": "4g"}), description="Spark itself")
    log_dir: Path | None = Field(
        Path("logs") / NAME, description=f"Folder of spark.log and {NAME}.log, with full traces; null: standard error"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    try:
        settings = BacktestSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told(f"{settings.data} cannot be judged", "Check `from`.", NAME, settings.log_dir):
            found = run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    if settings.json_summary:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        _print(found)
    return 0


def run(settings: BacktestSettings) -> dict[str, Any]:
    """Returns the judgement of all alerts together, of the model and of each rule; see `judgement`.

    Raises:
        InvalidSettings, InvalidRule: the rules.
        NoSuchModel, UnusableModel: the version.
    """
    rules = load_rules(settings.rules) if settings.rules else {}
    since = settings.since
    with tempfile.TemporaryDirectory(prefix="backtest-") as folder:
        models = None
        if settings.model is not None:
            models = ModelSource(folder, 3_600)
            # A store that serves this version: the scorer takes what is champion.
            store, alone = ModelStore(settings.store, settings.s3), ModelStore(folder, settings.s3)
            manifest = store.manifest(settings.model)
            alone.add(manifest, store.files(settings.model))
            alone.point("champion", settings.model, "backtest")
            if since is None and manifest.trained_on is not None:
                since = manifest.trained_on.end
        spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
        try:
            session.require_storage(spark, on_s3(settings.data))
            with progress.step("decisions"):
                history = sources.read_history(spark, settings.data, settings.s3)
                decided = decided_history(history, rules, models, since)
        finally:
            spark.stop()
    names = ([MODEL] if models else []) + sorted(rules)
    return {"from": settings.data, "model": settings.model, **judgement(decided, names)}


def load_rules(file: Path) -> dict[str, Rule]:
    """Returns the rules of a YAML file; other keys, as a detector's file has them, are passed over.

    Raises:
        InvalidSettings: it cannot be read, or a rule in it is not one.
    """
    try:
        found = yaml_files.load(file.read_text())
        return TypeAdapter(dict[RuleName, Rule]).validate_python((found or {}).get("rules"))
    except OSError as error:
        raise InvalidSettings(f"{file} cannot be read: {error.strerror}", "Check --rules.") from None
    except (yaml.YAMLError, AttributeError):
        raise InvalidSettings(f"{file} is no YAML mapping", "Write `rules:`, and the rules under it.") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, ("rules", *first["loc"])))
        raise InvalidSettings(f"{file}: {place}: {first['msg']}", "A rule has when, action and reason.") from None


def decided_history(
    history: DataFrame, rules: Mapping[str, Rule], models: ModelSource | None, since: datetime | None
) -> pd.DataFrame:
    """Returns a history's transactions from `since` on, with decision, rules that fired, score and, where it is known, the truth.

    That is what the label says that counts by `spark_jobs.label_rule`.
    """
    rehearse(history.sparkSession, rules)
    decided = judge(features(history), rules, models).where("kind = 'transaction'")
    if since is not None:
        decided = decided.where(decided["transaction.event_time"] > since)
    rows = decided.selectExpr(
        "transaction.transaction_id",
        "transaction.event_time",
        "transaction.card_id",
        "double(transaction.amount) AS amount",
        "decision",
        "rules",
        "score.fraud_score",
        "coalesce(score.model_decision, 'approve') <> 'approve' AS by_model",
    )
    labels = history.where("kind = 'label'").select("label.*")
    counts = f"max_by(is_fraud, struct(labelled_at, {label_rule.rank('source')})) AS is_fraud"
    known = labels.groupBy("transaction_id", "card_id").agg(F.expr(counts))
    return rows.join(known, ["transaction_id", "card_id"], "left").toPandas()


def judgement(decided: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """Returns how good the alerts are, on the transactions whose truth is known.

    `total` and one entry a name of `rules`: alerts a day, precision (share of alerts that are fraud), recall (share of frauds
    with an alert), money saved (amount of these frauds) and, of a rule, frauds that it alone finds. None where there is nothing
    to divide by. `card_precision`: of the model's score, see `training.metrics`.
    """
    known = decided[decided["is_fraud"].notna()]
    truth = known["is_fraud"].astype(bool)
    days = max((known["event_time"].max() - known["event_time"].min()) / timedelta(days=1), 1.0) if len(known) else 1.0
    fired = {
        name: known["by_model"] if name == MODEL else known["rules"].map(lambda all_of, one=name: one in all_of) for name in names
    }
    votes = sum((one.astype(int) for one in fired.values()), pd.Series(0, index=known.index))

    def judged(alerted: pd.Series) -> dict[str, Any]:
        hits = alerted & truth
        return {
            "alerts_a_day": round(float(alerted.sum() / days), 2),
            "precision": _share(hits.sum(), alerted.sum()),
            "recall": _share(hits.sum(), truth.sum()),
            "money_saved": round(float(known.loc[hits, "amount"].sum()), 2),
        }

    scores = known["fraud_score"]
    return {
        "days": round(days, 2),
        "transactions": len(known),
        "unlabelled": len(decided) - len(known),
        "frauds": int(truth.sum()),
        "fraud_money": round(float(known.loc[truth, "amount"].sum()), 2),
        f"card_precision_{CARDS_A_DAY}": (
            round(card_precision(known.assign(is_fraud=truth), scores.to_numpy()), 4)
            if len(known) and scores.notna().all()
            else None
        ),
        "total": judged(known["decision"] != "approve"),
        "rules": {name: {**judged(one), "alone": int((one & truth & (votes == 1)).sum())} for name, one in fired.items()},
    }


def _share(part: Any, whole: Any) -> float | None:
    return round(float(part / whole), 4) if whole else None


def _print(found: dict[str, Any]) -> None:
    frauds = f"{found['frauds']:,} frauds worth {found['fraud_money']:,.2f}"
    title = f"{found['transactions']:,} transactions in {found['days']:g} days, {frauds}"
    table = Table("", "alerts a day", "precision", "recall", "money saved", "frauds it alone finds", title=title)
    for name, one in {"all together": found["total"], **found["rules"]}.items():
        shares = ("-" if one[key] is None else f"{one[key]:.1%}" for key in ("precision", "recall"))
        table.add_row(name, f"{one['alerts_a_day']:,.1f}", *shares, f"{one['money_saved']:,.2f}", str(one.get("alone", "")))
    out = Console()
    out.print(table)
    if (precision := found[f"card_precision_{CARDS_A_DAY}"]) is not None:
        out.print(f"The {CARDS_A_DAY} cards a day of the highest score: {precision:.1%} with a fraud")
    if found["unlabelled"]:
        out.print(f"{found['unlabelled']:,} more have no label yet and are not judged")


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
