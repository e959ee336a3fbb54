"""A CSV history of Sparkov's kind, as far as the features that a model learns from."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from harness.oracle import oracle
from harness.worlds import assert_same, batch_features
from producer.__main__ import main
from spark_jobs.settings import S3
from spark_jobs.sources import read_history
from tests import sparkov
from training import dataset


def test_an_imported_history_has_the_features_that_the_oracle_says(spark: SparkSession, tmp_path: Path) -> None:
    people = sparkov.holders()
    given = sparkov.payments(people, 600, days=40)
    half = len(given) // 2
    moved = people[0]["cc_num"]
    for row in given[half:]:
        if row["cc_num"] == moved:
            row |= {"lat": float(row["lat"]) + 5}
    files = [
        sparkov.write(tmp_path / "early.csv", given[:half]),
        sparkov.write(tmp_path / "late.csv", given[half:], sparkov.PIPES),
    ]
    (tmp_path / "card.key").write_text("0123456789abcdef" * 2)
    out = tmp_path / "history"
    assert main(["import", *map(str, files), "--card-key-file", str(tmp_path / "card.key"), "--output", str(out)]) == 0

    found = batch_features(out, tmp_path / "features")
    assert len(found) == 600
    assert_same(found, oracle(out), tolerance=1e-9)
    paid = pd.read_parquet(out / "transactions").set_index("transaction_id").join(found)
    assert paid["account_age_days"].notna().all(), "each payment knows its holder"
    assert paid["terminal_age_days"].notna().all(), "each payment knows its terminal"
    assert paid["card_count_30d"].max() > 10
    versions = pd.read_parquet(out / "customers")
    (late,) = versions[versions.duplicated("card_id", keep="first")]["updated_at"]
    (card,) = versions[versions.duplicated("card_id", keep="first")]["card_id"]
    theirs = paid[(paid["card_id"] == card) & (paid["channel"] == "pos")]
    after = theirs["event_time"] >= late
    assert theirs.loc[~after, "home_distance_km"].max() < 160 < theirs.loc[after, "home_distance_km"].min()

    events = read_history(spark, str(out), S3())
    reach = dataset.reach(events)
    assert reach.last - reach.first > timedelta(days=35)
    written = b"".join(file.read_bytes() for file in (tmp_path / "features").rglob("*") if file.is_file()).decode("latin-1")
    written += str(pq.read_table(tmp_path / "features").select(["card_id", "customer_id"]).to_pydict())
    assert not [one for one in people if one["cc_num"] in written]
    assert np.isfinite(paid["amount"].astype(float)).all()
