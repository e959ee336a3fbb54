"""The eight records, one documented line a field.

Every other form of them is derived from these classes by `contract.fields`: JSON (`contract.encoding`, `contract.decoding`), JSON
Schema (`contract.json_schema`), the schema of Spark (`spark_jobs.schema`) and that of Parquet (`producer.layout`).
Rules of change: a field is only added, at the end, with a default; a change raises SCHEMA_VERSION. A reader of version 3 or later
passes fields that it does not know, so that senders and readers may be upgraded in any order.
Money is `Decimal` with the decimals of its currency; times are zone-aware and UTC; an absent optional field is left out.
What a hint has behind its description says more of the accepted values (`contract.fields`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from contract.fields import Amount, CurrencyCode, Degrees, Identifier, Strict

SCHEMA_VERSION = 3
"""Version of all records together; every `Rejected` carries it, so that a dead letter can be read years later."""

Channel = Literal["pos", "ecom", "atm"]
Decision = Literal["approve", "review", "decline"]
ResponseCode = Literal[
    "approved",
    "declined",
    "do_not_honour",
    "insufficient_funds",
    "wrong_pin",
    "expired_card",
    "lost_or_stolen_card",
    "suspected_fraud",
    "limit_exceeded",
    "invalid_card",
    "invalid_cvc",
    "pin_tries_exceeded",
    "not_permitted",
    "issuer_unavailable",
]
TransactionType = Literal["purchase", "withdrawal", "verification", "refund", "reversal"]
RuleAction = Literal["review", "decline", "approve"]
LabelSource = Literal["chargeback", "issuer", "analyst", "customer", "synthetic"]

ID = Identifier()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One attempt to pay, approved or not, as the payment switch saw it. Kafka key: card_id."""

    transaction_id: Annotated[str, "Unique id of the attempt; a repeat of it is the same attempt", ID]
    event_time: Annotated[datetime, "When the card was used, UTC"]
    card_id: Annotated[str, "Keyed-hash token of the card, never a card number", Identifier(token=True)]
    customer_id: Annotated[str, "Holder of the card", ID]
    terminal_id: Annotated[str, "Terminal, cash machine or web shop gateway", ID]
    merchant_id: Annotated[str, "Owner of the terminal", ID]
    merchant_category: Annotated[str, "Merchant category code (ISO 18245, four digits)"]
    amount: Annotated[Decimal, "Amount in `currency`, not negative, with the decimals of that currency at most", Amount("currency")]
    currency: Annotated[str, "ISO 4217 code, three capital letters", CurrencyCode()]
    channel: Annotated[Channel, "How the card was used: pos, ecom or atm"]
    country: Annotated[str, "Where the terminal is, ISO 3166-1 alpha-2"]
    response_code: Annotated[ResponseCode, "approved, or why the payment was declined"]
    latitude: Annotated[float | None, "Place of the purchase, degrees; absent where there is none", Degrees(90)] = None
    longitude: Annotated[float | None, "Place of the purchase, degrees; absent where there is none", Degrees(180)] = None
    device_id: Annotated[str | None, "Token of the customer's device; ecom only", ID] = None
    ip_prefix: Annotated[str | None, "First three bytes of the IPv4 address, e.g. 203.0.113.0/24; ecom only"] = None
    vpn: Annotated[bool | None, "Whether the address belongs to a VPN or proxy; ecom only"] = None
    is_fraud: Annotated[bool | None, "The truth; absent unless a labelled demo stream is asked for"] = None
    transaction_type: Annotated[
        TransactionType | None, "Absent: an ordinary payment. A refund or reversal changes no history and has no features", Strict()
    ] = None
    billing_amount: Annotated[
        Decimal | None,
        "What the holder is charged (ISO 8583 DE6); a card's features take it for `amount`",
        Amount("billing_currency"),
    ] = None
    billing_currency: Annotated[str | None, "ISO 4217 code of `billing_amount` (DE51)", CurrencyCode()] = None
    merchant_country: Annotated[str | None, "Where the merchant is registered, ISO 3166-1 alpha-2"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The truth about one transaction, known late: a chargeback, or none in time; the newest counts. Kafka key: card_id."""

    transaction_id: Annotated[str, "The transaction that this label is about", ID]
    card_id: Annotated[str, "Its card", Identifier(token=True)]
    terminal_id: Annotated[str, "Its terminal", ID]
    event_time: Annotated[datetime, "When the card was used, UTC"]
    labelled_at: Annotated[datetime, "When the truth became known, UTC; nothing may use it earlier"]
    is_fraud: Annotated[bool, "Whether it was fraud"]
    scenario: Annotated[str | None, "Kind of fraud, where the source knows it (synthetic traffic does)"] = None
    campaign_id: Annotated[str | None, "Which attack it belonged to, where the source knows it"] = None
    source: Annotated[LabelSource | None, "Who says so; of equal `labelled_at` a chargeback counts first"] = None
    labelled_by: Annotated[str | None, "The person or program that gave the label"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Profile of a card's holder; the newest one counts. Compacted topic, Kafka key: card_id."""

    customer_id: Annotated[str, "Holder of the card", ID]
    card_id: Annotated[str, "The card; one record a card", Identifier(token=True)]
    name: Annotated[str, "Full name"]
    birth_date: Annotated[date, "Date of birth"]
    country: Annotated[str, "Country of residence, ISO 3166-1 alpha-2"]
    home_latitude: Annotated[float, "Home, degrees", Degrees(90)]
    home_longitude: Annotated[float, "Home, degrees", Degrees(180)]
    signup_date: Annotated[date, "First day as a customer"]
    updated_at: Annotated[datetime, "When this version of the profile began, UTC"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """Profile of a terminal and its owner; the newest one counts. Compacted topic, Kafka key: terminal_id."""

    merchant_id: Annotated[str, "Owner of the terminal", ID]
    terminal_id: Annotated[str, "The terminal; one record a terminal", ID]
    name: Annotated[str, "Trading name"]
    merchant_category: Annotated[str, "Merchant category code (ISO 18245, four digits)"]
    country: Annotated[str, "Where the terminal is, ISO 3166-1 alpha-2"]
    latitude: Annotated[float, "Place of the terminal, degrees", Degrees(90)]
    longitude: Annotated[float, "Place of the terminal, degrees", Degrees(180)]
    onboarding_date: Annotated[date, "First day of acceptance"]
    updated_at: Annotated[datetime, "When this version of the profile began, UTC"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the detector thought of one transaction. Kafka key: card_id. A repeat is byte-identical."""

    transaction: Annotated[Transaction, "The transaction as it was read"]
    features: Annotated[Mapping[str, float], "Every feature by name, as the model and the rules saw it; absent ones are left out"]
    decision: Annotated[Decision, "approve, review or decline"]
    rules: Annotated[tuple[str, ...], "Names of the rules that fired"]
    ruleset_version: Annotated[str, "Hash of the rules in force"]
    fraud_score: Annotated[float | None, "Score of the model in [0, 1]; absent where there is none, or it gives none"] = None
    model_version: Annotated[str | None, "The model that was asked; absent where there is none"] = None
    challenger_score: Annotated[float | None, "Score of the challenger, which decides nothing; absent as `fraud_score` is"] = None
    challenger_version: Annotated[str | None, "The challenger that was asked; absent where there is none"] = None
    notes: Annotated[tuple[str, ...] | None, "Optional fields that were there and could not be read; absent where all could"] = None
    shadow_rules: Annotated[
        tuple[str, ...] | None, "Names of the rules that fired and decide nothing yet; absent where none did"
    ] = None
    truncated: Annotated[
        bool | None,
        "True where texts and lists have beginnings only, as the topic takes no larger record: the headers say where the whole is",
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one feature did to the score of one transaction."""

    feature: Annotated[str, "Name of the feature (docs/reference/features.md); it never changes its meaning"]
    direction: Annotated[Literal["raises", "lowers"], "Whether it raises or lowers the score"]
    contribution: Annotated[float, "What the model gives, before calibration, less what it gives with the usual value in its place"]
    value: Annotated[float | None, "What it is here; absent where the feature is"] = None
    usual: Annotated[float | None, "Median of genuine transactions in training; absent where the feature usually is"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A decision that is not approve, with its reasons. Kafka key: card_id. A repeat is byte-identical, with the same alert_id."""

    alert_id: Annotated[str, "Hash of transaction_id, card_id and event_time, and of nothing that differs between two runs"]
    transaction_id: Annotated[str, "The transaction"]
    user_id: Annotated[str, "Holder of the card (customer_id)"]
    timestamp: Annotated[datetime, "When the card was used, UTC (event_time); never a clock reading"]
    decision: Annotated[Literal["review", "decline"], "review or decline"]
    reasons: Annotated[tuple[str, ...], "Why, in words for the analyst"]
    rules: Annotated[tuple[str, ...], "Names of the rules that fired"]
    card_id: Annotated[str, "The card"]
    amount: Annotated[Decimal, "Amount in `currency`"]
    currency: Annotated[str, "ISO 4217 code"]
    merchant: Annotated[str, "Owner of the terminal (merchant_id)"]
    ruleset_version: Annotated[str, "Hash of the rules in force"]
    fraud_score: Annotated[float | None, "Score of the model in [0, 1]; absent where there is none, or it gives none"] = None
    model_version: Annotated[str | None, "The model that was asked; absent where there is none"] = None
    contributions: Annotated[
        tuple[Contribution, ...] | None, "The three features that moved the score most; absent where no model is loaded"
    ] = None
    truncated: Annotated[
        bool | None,
        "True where texts and lists have beginnings only, as the topic takes no larger record: the headers say where the whole is",
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One Kafka header."""

    key: Annotated[str, "Name"]
    value: Annotated[bytes | None, "Value as it came"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Dead letter: an input record that could not be read, whole, with where it came from and why. Kafka key: the original key."""

    topic: Annotated[str, "Topic that it was read from"]
    partition: Annotated[int, "Partition that it was read from"]
    offset: Annotated[int, "Offset in that partition"]
    timestamp: Annotated[datetime, "Kafka's timestamp of the record, UTC; the nearest time of the years 1970 to 2999"]
    reasons: Annotated[tuple[str, ...], "Reason codes, such as missing:amount (docs/reference/reason-codes.md)"]
    schema_version: Annotated[int, "SCHEMA_VERSION of the reader that refused it"]
    key: Annotated[bytes | None, "Key as it came; its beginning where it is too large"] = None
    value: Annotated[bytes | None, "Value as it came; its beginning where it is too large"] = None
    headers: Annotated[tuple[Header, ...] | None, "Headers as they came; absent where there were none or they are too large"] = None
    truncated: Annotated[
        bool | None, "True where key, value or headers are too large to repeat: the whole is at `offset` of `topic`"
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """One rule, as the settings have it."""

    name: Annotated[str, "Its name, as `rules` of scored records and alerts has it"]
    when: Annotated[str, "The question, a Spark SQL boolean expression"]
    action: Annotated[RuleAction, "What a yes means"]
    reason: Annotated[str, "Why, in words for the analyst"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """The rules of one version, whole. Compacted topic, Kafka key: ruleset_version."""

    ruleset_version: Annotated[str, "Hash of the rules, as scored records and alerts have it"]
    rules: Annotated[tuple[RuleText, ...], "All rules, by their names' order"]


RECORDS = (Transaction, Label, Customer, Merchant, Scored, Alert, Rejected, Ruleset)
