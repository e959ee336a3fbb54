"""The ready-made functions of mappings, with an example each (kernel: Functions.java), and the tables of codes that they know.

An example is executed by tests/spark/test_mapping.py, and shown in docs/reference/mapping.md.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from contract.currencies import CURRENCIES


class Function(NamedTuple):
    """One function: what it returns, and one call with its result."""

    name: str
    arguments: tuple[str, ...]
    optional: int
    returns: str
    example: str
    result: str


FUNCTIONS = (
    Function(
        "epoch_seconds",
        ("count",),
        0,
        "time, of seconds since 1970, fractions included",
        "epoch_seconds('1532995200.25')",
        "2018-07-31T00:00:00.250000Z",
    ),
    Function(
        "epoch_millis",
        ("count",),
        0,
        "time, of milliseconds since 1970",
        "epoch_millis(1532995200123)",
        "2018-07-31T00:00:00.123000Z",
    ),
    Function(
        "epoch_micros",
        ("count",),
        0,
        "time, of microseconds since 1970",
        "epoch_micros(1532995200123456)",
        "2018-07-31T00:00:00.123456Z",
    ),
    Function("epoch_days", ("count",), 0, "date, of days since 1970", "epoch_days(17743)", "2018-07-31"),
    Function(
        "time_of",
        ("text", "pattern", "zone"),
        1,
        "time, of a text in a pattern of Java's DateTimeFormatter, in a zone where the text names none (default UTC)",
        "time_of('31.07.2018 02:00:00', 'dd.MM.yyyy HH:mm:ss', 'Europe/Berlin')",
        "2018-07-31T00:00:00.000000Z",
    ),
    Function(
        "time_without_year",
        ("MMDDhhmmss", "arrived", "zone"),
        1,
        "time, of ISO 8583's DE7, in the year that brings it nearest to when it arrived, in a zone (default UTC)",
        "time_without_year('1231235958', TIMESTAMP '2019-01-01 00:00:03Z')",
        "2018-12-31T23:59:58.000000Z",
    ),
    Function(
        "minor_units",
        ("count", "currency"),
        0,
        "amount, of a count of the currency's smallest units, by ISO 4217's exponent; the currency by letters or number",
        "minor_units('000000001250', '978')",
        "12.50",
    ),
    Function("decimal_of", ("base64", "scale"), 0, "amount, of Kafka Connect's decimal", "decimal_of('BOI=', 2)", "12.50"),
    Function("currency_of", ("code",), 0, "ISO 4217's letters, of its number or letters", "currency_of('978')", "EUR"),
    Function(
        "response_of",
        ("code",),
        0,
        "response_code, of ISO 8583's DE39; `declined` of a code that is not in the table",
        "response_of('51')",
        "insufficient_funds",
    ),
    Function(
        "type_of",
        ("mti", "processing_code"),
        0,
        "transaction_type, of ISO 8583's message type and DE3; null where the tables have neither",
        "type_of('0420', '000000')",
        "reversal",
    ),
    Function(
        "category_of",
        ("text",),
        0,
        "merchant_category, of a name in the table; four digits stay as they are",
        "category_of('grocery_pos')",
        "5411",
    ),
    Function(
        "token_of",
        ("card_number",),
        0,
        "64 hexadecimal digits, HMAC-SHA256 of the text without blanks and hyphens under the key in `input.card_key_file`",
        "token_of('4242 4242 4242 4242')",
        "",
    ),
)

RESPONSES: Mapping[str, str] = {
    **dict.fromkeys(("00", "08", "10", "11", "16", "85", "000", "001", "002", "003", "007"), "approved"),
    **dict.fromkeys(("05", "100"), "do_not_honour"),
    **dict.fromkeys(("51", "116"), "insufficient_funds"),
    **dict.fromkeys(("55", "117"), "wrong_pin"),
    **dict.fromkeys(("38", "75", "106"), "pin_tries_exceeded"),
    **dict.fromkeys(("33", "54", "101", "201"), "expired_card"),
    **dict.fromkeys(("41", "43", "208", "209"), "lost_or_stolen_card"),
    **dict.fromkeys(("34", "59", "102", "129", "202"), "suspected_fraud"),
    **dict.fromkeys(("61", "65", "121", "123"), "limit_exceeded"),
    **dict.fromkeys(("14", "111"), "invalid_card"),
    **dict.fromkeys(("82", "N7"), "invalid_cvc"),
    **dict.fromkeys(("36", "57", "58", "62", "104", "119", "120"), "not_permitted"),
    **dict.fromkeys(("91", "907", "912"), "issuer_unavailable"),
}
"""Response codes: of two digits as in ISO 8583:1987, of three as the action codes of ISO 8583:1993 and 2003; N7 and 82 are the card
schemes' own for a wrong CVC."""

MESSAGES: Mapping[str, str] = {"4": "reversal"}
"""The second digit of a message type, its class, where that alone decides (ISO 8583:1987, 1993 and 2003)."""

PROCESSING: Mapping[str, str] = {
    **dict.fromkeys(("00", "09", "11"), "purchase"),
    **dict.fromkeys(("01", "12", "17"), "withdrawal"),
    **dict.fromkeys(("20", "22", "26"), "refund"),
    **dict.fromkeys(("30", "31", "33", "38"), "verification"),
}
"""The first two digits of the processing code, DE3: the type of the transaction (ISO 8583, and the card schemes' 26, 33 and 38)."""

_CATEGORY_NAMES = {
    "4111": ("transport", "public_transport"),
    "4112": ("railway", "train"),
    "4121": ("ride_sharing", "taxi"),
    "4511": ("airline", "airlines", "flights"),
    "4722": ("travel", "travel_agency"),
    "4814": ("phone", "telecom"),
    "4829": ("money_transfer",),
    "4899": ("streaming", "subscription"),
    "4900": ("utilities",),
    "5200": ("home",),
    "5251": ("hardware",),
    "5311": ("department_store", "shopping", "shopping_pos"),
    "5411": ("groceries", "grocery", "grocery_net", "grocery_pos", "supermarket"),
    "5533": ("automotive",),
    "5541": ("fuel", "gas", "gas_station", "gas_transport", "petrol"),
    "5651": ("apparel", "clothes", "clothing", "fashion"),
    "5712": ("furniture",),
    "5732": ("electronics",),
    "5734": ("software",),
    "5812": ("dining", "food", "food_dining", "restaurant", "restaurants"),
    "5813": ("bar", "pub"),
    "5814": ("cafe", "fast_food"),
    "5816": ("digital_goods", "games", "gaming"),
    "5912": ("drugstore", "pharmacy"),
    "5921": ("alcohol", "liquor"),
    "5941": ("sports",),
    "5942": ("books",),
    "5943": ("office",),
    "5944": ("jewellery", "jewelry"),
    "5945": ("toys",),
    "5964": ("shopping_net",),
    "5977": ("beauty", "cosmetics"),
    "5995": ("kids_pets", "pets"),
    "5999": ("misc", "misc_net", "misc_pos", "online", "other", "retail"),
    "6011": ("atm", "cash", "cash_withdrawal"),
    "6051": ("crypto", "cryptocurrency"),
    "6300": ("insurance",),
    "7011": ("hotel", "hotels", "lodging"),
    "7298": ("personal_care", "spa"),
    "7512": ("car_rental",),
    "7523": ("parking",),
    "7832": ("cinema", "movies"),
    "7995": ("betting", "casino", "gambling"),
    "7997": ("fitness", "gym", "health_fitness"),
    "7999": ("entertainment", "recreation"),
    "8062": ("hospital",),
    "8099": ("doctor", "health", "healthcare", "medical"),
    "8299": ("education", "school"),
    "8398": ("charity",),
}
CATEGORIES: Mapping[str, str] = {name: code for code, names in _CATEGORY_NAMES.items() for name in names}
"""Merchant category codes (ISO 18245) by what people call them: the fourteen names of Sparkov's generator, and usual ones. In small
letters, with one underscore for all that stands between words."""


def register(session: SparkSession, card_key_file: str | None) -> None:
    """Makes the functions known to the session."""
    jvm: Any = session.sparkContext._jvm
    arities = {one.name: (len(one.arguments) - one.optional, len(one.arguments)) for one in FUNCTIONS}
    tables = {"responses": RESPONSES, "messages": MESSAGES, "processing": PROCESSING, "categories": CATEGORIES}
    tables["currencies"] = {name: one.code for one in CURRENCIES.values() for name in (one.code, one.number)}
    tables["decimals"] = {code: str(one.decimals) for code, one in CURRENCIES.items()}
    jvm.frauddetection.mapping.Functions.register(session._jsparkSession, json.dumps(arities), json.dumps(tables), card_key_file)
