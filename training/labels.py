"""Of several labels of a transaction the one that counts, in a table: the rule is that of `spark_jobs.label_rule`."""

import pandas as pd

from spark_jobs.label_rule import SOURCES


def that_count(labels: pd.DataFrame) -> pd.DataFrame:
    """Returns one label for each card_id and transaction_id: of these rows, in the order of their arrival, the one that counts."""
    weight = labels["source"].map({name: weight for weight, name in enumerate(SOURCES, 1)}).fillna(0)
    # From the last that came: of equal ones the first stands last, and stays.
    ordered = labels.assign(weight=weight).iloc[::-1].sort_values(["labelled_at", "weight"], kind="stable")
    return ordered.drop_duplicates(["card_id", "transaction_id"], keep="last").drop(columns="weight")
