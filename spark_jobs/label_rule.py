"""Which of several labels of one transaction counts: one rule for the history, the trainer and the backtest.

A label belongs to a transaction, by transaction_id within its card or terminal. Of those that have arrived the one with the newest
`labelled_at` counts; of those known at once the one whose source weighs most; of equal ones the first that came.
"""

import pandas as pd

SOURCES = ("synthetic", "analyst", "customer", "issuer", "chargeback")
"""Who says whether a transaction was fraud, by weight: a chargeback overrules all others, and no source at all weighs least."""


def rank(source: str) -> str:
    """Returns the weight of a label as SQL, 0 for no source; `source` is the expression of that field."""
    cases = " ".join(f"WHEN '{name}' THEN {weight}" for weight, name in enumerate(SOURCES, 1))
    return f"CASE {source} {cases} ELSE 0 END"


def that_count(labels: pd.DataFrame) -> pd.DataFrame:
    """Returns one label for each card_id and transaction_id: of these rows, in the order of their arrival, the one that counts."""
    weight = labels["source"].map({name: weight for weight, name in enumerate(SOURCES, 1)}).fillna(0)
    # From the last that came: of equal ones the first stands last, and stays.
    ordered = labels.assign(weight=weight).iloc[::-1].sort_values(["labelled_at", "weight"], kind="stable")
    return ordered.drop_duplicates(["card_id", "transaction_id"], keep="last").drop(columns="weight")
