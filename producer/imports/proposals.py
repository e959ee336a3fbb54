"""Mappings that nobody has to write: Sparkov's, and for other files what the names of the columns suggest."""

import json
from collections.abc import Mapping, Sequence

from contract.fields import fields_of
from producer.imports.settings import Expressions
from producer.layout import FOLDERS

Proposal = Mapping[str, Expressions]
"""By the name of the folder."""

SPARKOV = {"cc_num", "first", "last", "dob", "lat", "long", "trans_num", "category", "amt", "merchant", "merch_lat", "merch_long"}
CATEGORIES = {
    "entertainment": "7999",
    "food_dining": "5812",
    "gas_transport": "5541",
    "grocery_net": "5411",
    "grocery_pos": "5411",
    "health_fitness": "7997",
    "home": "5200",
    "kids_pets": "5995",
    "misc_net": "5999",
    "misc_pos": "5999",
    "personal_care": "7298",
    "shopping_net": "5964",
    "shopping_pos": "5311",
    "travel": "4722",
}
"""Sparkov's categories by ISO 18245. A choice: the nearest code that covers most of what the category's name says. It is the choice
of category_of in the stream's mappings, so that a history and its stream agree."""
NAMES = {
    "transactions": {
        "transaction_id": "transaction_id trans_id txn_id trans_num transaction_number id",
        "event_time": "event_time timestamp transaction_time transaction_date trans_date_trans_time datetime date time created_at",
        "card_id": "card_id card_token card_number cc_num pan card",
        "customer_id": "customer_id user_id client_id account_id customer user",
        "terminal_id": "terminal_id pos_id device_terminal terminal",
        "merchant_id": "merchant_id merchant merchant_name store_id",
        "merchant_category": "merchant_category mcc merchant_category_code mcc_code",
        "amount": "amount amt transaction_amount value amount_usd",
        "currency": "currency currency_code",
        "channel": "channel",
        "country": "country country_code merchant_country",
        "response_code": "response_code response status",
        "latitude": "latitude merch_lat",
        "longitude": "longitude merch_long",
    },
    "labels": {"is_fraud": "is_fraud isfraud fraud label class tx_fraud fraud_flag"},
}
"""Names under which a field is found elsewhere, the likeliest first."""


def sparkov(columns: Sequence[str]) -> Proposal:
    """Returns Sparkov's mapping; empty where the columns are not Sparkov's.

    A card is a customer. A shop is known by its name; its terminals by the degree of latitude and longitude too, as the place is
    that of the purchase. Web purchases (`_net`) have no place.
    """
    times = {
        "trans_date_trans_time": "trans_date_trans_time",
        "trans_date": "trans_date || ' ' || trans_time",
        "unix_time": "to_timestamp(CAST(unix_time AS BIGINT))",
    }
    # The date first: one well-known file has a unix_time of seven years before it.
    time = next((expression for name, expression in times.items() if name in columns), None)
    if time is None or not set(columns) >= SPARKOV:
        return {}
    web = "ends_with(category, '_net')"
    shop = "regexp_replace(merchant, '^fraud_', '')"
    place = "round(CAST(merch_lat AS DOUBLE))::INTEGER || ',' || round(CAST(merch_long AS DOUBLE))::INTEGER"
    codes = ", ".join(f"'{name}': '{code}'" for name, code in CATEGORIES.items())
    return {
        "transactions": {
            "transaction_id": f"left(sha256(concat_ws('|', trans_num, cc_num, {time})), 32)",
            "event_time": time,
            "card_id": "cc_num",
            "customer_id": "'C-' || left(cc_num, 16)",
            "terminal_id": f"CASE WHEN {web} THEN {shop} ELSE {shop} || ' @ ' || {place} END",
            "merchant_id": shop,
            "merchant_category": f"MAP {{{codes}}}[category]",
            "amount": "amt",
            "currency": "'USD'",
            "channel": f"CASE WHEN {web} THEN 'ecom' ELSE 'pos' END",
            "country": "'US'",
            "response_code": "'approved'",
            "latitude": f"CASE WHEN {web} THEN NULL ELSE merch_lat END",
            "longitude": f"CASE WHEN {web} THEN NULL ELSE merch_long END",
        },
        "labels": {"is_fraud": "is_fraud"} if "is_fraud" in columns else {},
        "customers": {"name": "first || ' ' || last", "birth_date": "dob", "home_latitude": "lat", "home_longitude": "long"},
        "merchants": {
            "name": shop,
            "latitude": "round(CAST(merch_lat AS DOUBLE))",
            "longitude": "round(CAST(merch_long AS DOUBLE))",
        },
    }


def guess(columns: Sequence[str]) -> Proposal:
    """Returns what the columns' names suggest; what they do not is missing."""
    known = {name.casefold().replace(" ", "_"): name for name in columns}
    return {
        folder: {
            field: known[found]
            for field, names in fields.items()
            if (found := next((name for name in names.split() if name in known), None))
        }
        for folder, fields in NAMES.items()
    }


def as_yaml(mapping: Proposal) -> str:
    """Returns the mapping as a settings file; a comment says what each required field of a transaction is that it lacks."""
    parts = ["# Each field: a DuckDB SQL expression over the columns, all of which are text.\n"]
    for folder, expressions in mapping.items():
        lacking = [
            f"  # {one.name}:  # {one.description}\n"
            for one in fields_of(FOLDERS[folder])
            if folder == "transactions" and one.required and one.name not in expressions
        ]
        if expressions or lacking:
            # A JSON string is a YAML string too, and the only form in which SQL's quotes stay as they are.
            lines = [f"  {name}: {json.dumps(text, ensure_ascii=False)}\n" for name, text in expressions.items()]
            parts += [f"{folder}:\n", *lines, *lacking]
    return "".join(parts)
