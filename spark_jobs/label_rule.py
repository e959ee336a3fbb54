"""Which of several labels of one transaction counts: one rule for the history, the trainer and the backtest.

A label belongs to a transaction, by transaction_id within its card or terminal. Of those that have arrived the one with the newest
`labelled_at` counts; of those known at once the one whose source weighs most; of equal ones the first that came.
"""

SOURCES = ("synthetic", "analyst", "customer", "issuer", "chargeback")
"""Who says whether a transaction was fraud, by weight: a chargeback overrules all others, and no source at all weighs least."""


def rank(source: str) -> str:
    """Returns the weight of a label as SQL, 0 for no source; `source` is the expression of that field."""
    cases = " ".join(f"WHEN '{name}' THEN {weight}" for weight, name in enumerate(SOURCES, 1))
    return f"CASE {source} {cases} ELSE 0 END"
