"""What is told of an alert: facts without personal data, texts without card numbers. Nothing else reaches the outbox."""

import json
import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from contract import Alert, ContractError, decode
from contract.card_numbers import is_card_number
from contract.scalars import SCALARS

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""An alert_id is a part of headers: of Message-ID and of webhook-id."""
MOST = 300
"""Characters of a text: enough for a token and for a reason, and no letter grows without bound."""
MOST_TEXTS = 20
"""Reasons and rules of one alert."""
LONGEST_NUMBER = 37
"""Characters of a card number of 19 digits with a blank between each two."""
_NUMBERS = tuple(re.compile(rf"(?<!\d)\d(?:[ -]?\d){{{more}}}(?!\d)") for more in range(18, 11, -1))
"""19 digits, then 18, to 13, as one or in groups, none before or behind: a number may stand beside others."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The facts about one alert, as they leave. Of the card its token; of what looks like a card number the last four digits."""

    alert_id: str
    transaction_id: str
    card: str
    decision: str
    amount: str
    currency: str
    merchant: str
    time: str
    """When the card was used, ISO 8601, UTC."""
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    score: float | None

    def json(self) -> str:
        """Returns the notice as the outbox keeps it."""
        return json.dumps(asdict(self))

    def facts(self) -> dict[str, Any]:
        """Returns the notice by the contract's names, as a webhook has it; absent ones are left out."""
        found = asdict(self)
        renamed = {"card": "card_id", "time": "timestamp", "score": "fraud_score"}
        return {renamed.get(name, name): value for name, value in found.items() if value is not None}


def read(value: bytes | None) -> Alert:
    """Returns the alert of a record.

    Raises:
        ContractError: with a reason code; the record is not the detector's.
    """
    alert = decode(Alert, value)
    if not IDENTIFIER.fullmatch(alert.alert_id):
        raise ContractError("invalid:alert_id")
    return alert


def notice(alert: Alert) -> Notice:
    """Returns what is told of an alert."""
    return Notice(
        alert_id=alert.alert_id,
        transaction_id=plain(alert.transaction_id),
        card=plain(alert.card_id, is_token=True),
        decision=alert.decision,
        amount=amount_text(alert.amount),
        currency=plain(alert.currency),
        merchant=plain(alert.merchant),
        time=alert.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        reasons=tuple(map(plain, alert.reasons[:MOST_TEXTS])),
        rules=tuple(map(plain, alert.rules[:MOST_TEXTS])),
        score=alert.fraud_score,
    )


def amount_text(amount: Decimal) -> str:
    """Returns an amount as the contract writes it: with two decimals, a third where it is not 0."""
    return SCALARS[Decimal].to_json(amount).strip('"')


def from_json(text: str) -> Notice:
    """Returns the notice that the outbox has kept."""
    found = json.loads(text)
    return Notice(**found | {name: tuple(found[name]) for name in ("reasons", "rules")})


def plain(text: str, *, is_token: bool = False) -> str:
    """Returns a text on one line, without control characters, cut to 300 characters, card numbers cut to their last four digits.

    In a token any number of 13 to 19 digits with a right check digit counts, elsewhere those that begin as a network's do.
    """
    beginning = text[: MOST + LONGEST_NUMBER]  # a number that is cut off here begins behind what is shown
    visible = " ".join("".join(one if one.isprintable() else " " for one in beginning).split())
    for pattern in _NUMBERS:
        visible = _hidden(visible, pattern, is_token)
    return visible if len(visible) <= MOST else f"{visible[: MOST - 3]}..."


def _hidden(text: str, pattern: re.Pattern[str], is_token: bool) -> str:
    at = 0
    while found := pattern.search(text, at):
        if is_card_number(found[0], any_network=is_token):
            digits = re.sub("[ -]", "", found[0])
            text = f"{text[: found.start()]}...{digits[-4:]}{text[found.end() :]}"
        at = found.start() + 1
    return text
