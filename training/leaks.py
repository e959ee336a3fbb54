"""What a model could have known before its time: looked for in the rows that it is trained and judged on.

A metric does not tell a leak from an easy world, so none is judged by it here. Only the Handbook's own world has a known limit
(`benchmarks.handbook.refuse_leak`).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spark_jobs.features import MODEL_INPUTS
from training.fitting import Rows
from training.splits import WEEK, Span

ALONE = 0.99
"""AUC from which on a single feature is a finding, on the rows learnt from and on those judged.

A copy of the label has 1, and one that is wrong for one row in a hundred .99. The best feature of forty days of
`producer dataset --traffic all` has .740: amount_to_past_mean_30d, in the last twelve days, measured on 2026-11-29.
"""
ASKED = tuple(name for name in MODEL_INPUTS if "amount" not in name)
"""The features that are asked. What a payment is worth is part of the payment, and cannot be filled in afterwards: where frauds are
the large payments an amount has an AUC of 1, and is honest. The Handbook's `amount_above_limit` alone is such a world.
"""
LEAST_FRAUDS = 20
"""With fewer, the best of sixty features has such an AUC by luck."""


class Leak(NamedTuple):
    """A finding: its kind, a sentence for people, and its figures by name."""

    kind: str
    sentence: str
    figures: dict[str, Any]

    def json(self) -> dict[str, Any]:
        """Returns it as the report has it."""
        return {"kind": self.kind, **self.figures, "sentence": self.sentence}


def leaks(rows: pd.DataFrame, parts: Rows, test: Span) -> list[Leak]:
    """Returns what is wrong with the parts that were cut out of the rows of `dataset.read`; `test` is the judged one's span."""
    return [*separating_features(parts), *early_labels(rows), *shared_transactions(parts), *known_cards(rows, parts.test, test)]


def separating_features(parts: Rows) -> list[Leak]:
    """Returns a finding for each feature that tells fraud from genuine nearly alone, the strongest first."""
    if min(one["is_fraud"].sum() for one in (parts.train, parts.test)) < LEAST_FRAUDS:
        return []
    learnt, judged = single_auc(parts.train), single_auc(parts.test)
    found = judged[(judged >= ALONE) & (learnt >= ALONE)].sort_values(ascending=False, kind="stable")
    return [
        Leak(
            "feature_separates_alone",
            f"The feature {name} alone tells fraud from genuine, with AUC {auc:.3f} on the test period. "
            "Check that its source is known when the payment is made, and is not filled in or corrected afterwards.",
            {"feature": name, "auc_roc": float(auc)},
        )
        for name, auc in found.items()
    ]


def single_auc(rows: pd.DataFrame) -> pd.Series:
    """Returns the AUC ROC of each of ASKED as a score of its own, in the better direction.

    An absent value ranks below all others or above them, whichever is better: that a field is filled in may be the leak.
    """
    fraud = rows["is_fraud"].to_numpy()
    frauds, genuine = fraud.sum(), (~fraud).sum()
    if not frauds or not genuine:
        return pd.Series(0.5, index=list(ASKED))
    found = []
    for absent in ("top", "bottom"):
        ranks = rows[list(ASKED)].rank(na_option=absent).to_numpy()
        above = (ranks[fraud].sum(axis=0) - frauds * (frauds + 1) / 2) / (frauds * genuine)
        found += [above, 1 - above]
    return pd.Series(np.max(found, axis=0), index=list(ASKED))


def early_labels(rows: pd.DataFrame) -> list[Leak]:
    """Returns a finding where labels were known before their transaction was made."""
    early, labels = int((rows["labelled_at"] < rows["event_time"]).sum()), int(rows["labelled_at"].notna().sum())
    if not early:
        return []
    sentence = (
        f"{early:,} of {labels:,} labels were known before their transaction was made. "
        "Check labelled_at: it is when somebody found out, and not when the fraud began."
    )
    return [Leak("label_before_transaction", sentence, {"labels": early, "of": labels})]


def shared_transactions(parts: Rows) -> list[Leak]:
    """Returns a finding where a transaction is in more than one of the parts."""
    ids = pd.concat([one["transaction_id"].drop_duplicates() for one in parts])
    shared = int(ids[ids.duplicated()].nunique())
    if not shared:
        return []
    sentence = f"{shared:,} transactions are both learnt from and judged on. Check that each has a transaction_id of its own."
    return [Leak("judged_and_learnt", sentence, {"transactions": shared})]


def known_cards(rows: pd.DataFrame, judged: pd.DataFrame, test: Span) -> list[Leak]:
    """Returns a finding where a card is judged whose fraud became known in the week before; later it has been replaced."""
    told = rows["labelled_at"]
    known = rows.loc[rows["is_fraud"] & (told >= test.begin - WEEK) & (told < test.begin), "card_id"]
    cards = int(judged.loc[judged["card_id"].isin(set(known)), "card_id"].nunique())
    if not cards:
        return []
    sentence = (
        f"{cards:,} cards are judged although their fraud was known in the week before {test.begin:%Y-%m-%d}. "
        "Nobody would have let them pay: what they did then is no success of the model."
    )
    return [Leak("known_card_judged", sentence, {"cards": cards})]
