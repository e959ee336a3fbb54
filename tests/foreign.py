"""Payments as other people write them: records of our own in the public shapes, settings that read them, and what they are then."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

CARD = "4242424242424242"
ARRIVED = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


class Shape(NamedTuple):
    """One shape: the settings under `input`, one value in it, and the contract's fields of each transaction in the value."""

    settings: dict[str, Any]
    value: bytes
    expected: list[dict[str, str]]
    key: bytes = b"k"


def _value(found: Any) -> bytes:
    return json.dumps(found).encode()


SIMULATED = Shape(
    {
        "transactions": {
            "fields": {
                "transaction_id": "concat_ws('-', body:trans_num::string, body:unix_time::string)",
                "event_time": "time_of(concat(body:trans_date::string, ' ', body:trans_time::string), 'yyyy-MM-dd HH:mm:ss')",
                "card_id": "token_of(body:cc_num)",
                "customer_id": "token_of(body:cc_num)",
                "terminal_id": "concat(body:merchant::string, '@', body:merch_lat::string)",
                "merchant_id": "$.merchant",
                "merchant_category": "category_of(body:category)",
                "amount": "$.amt",
                "currency": "'USD'",
                "channel": "if(endswith(body:category::string, '_net'), 'ecom', 'pos')",
                "country": "'US'",
                "response_code": "'approved'",
                "latitude": "$.merch_lat",
                "longitude": "$.merch_long",
                "is_fraud": "if(body:is_fraud::int = 1, 'true', 'false')",
            }
        }
    },
    _value(
        {
            "ssn": "999-00-0000",
            "cc_num": CARD,
            "trans_num": "9f",
            "trans_date": "2019-01-02",
            "trans_time": "03:04:05",
            "unix_time": 1546398245,
            "category": "shopping_net",
            "amt": 12.5,
            "is_fraud": 0,
            "merchant": "fraud_Kirlin and Sons",
            "merch_lat": 36.011293,
            "merch_long": -82.048315,
        }
    ),
    [
        {
            "transaction_id": "9f-1546398245",
            "event_time": "2019-01-02T03:04:05.000000Z",
            "merchant_id": "fraud_Kirlin and Sons",
            "terminal_id": "fraud_Kirlin and Sons@36.011293",
            "merchant_category": "5964",
            "amount": "12.5",
            "channel": "ecom",
            "latitude": "36.011293",
            "longitude": "-82.048315",
            "is_fraud": "false",
        }
    ],
)

GENERATED = Shape(
    {
        "transactions": {
            "fields": {
                "transaction_id": "$.transaction_id",
                "event_time": "timestamp",
                "card_id": "$.card_id",
                "customer_id": "$.user_id",
                "terminal_id": "$.store_id",
                "merchant_id": "$.store_id",
                "merchant_category": "'5999'",
                "amount": "'1.00'",
                "currency": "'USD'",
                "channel": "'pos'",
                "country": "'US'",
                "response_code": "'approved'",
            }
        }
    },
    _value({"transaction_id": 77, "card_id": 9, "user_id": "User_3", "purchase_id": 12, "store_id": 4}),
    [{"transaction_id": "77", "card_id": "9", "terminal_id": "4", "event_time": "2026-01-01T00:00:30.000000Z"}],
)

MESSAGE = Shape(
    {
        "transactions": {
            "where": "body:MTI::string LIKE '_1__' OR body:MTI::string LIKE '_2__' OR body:MTI::string LIKE '_4__'",
            "fields": {
                "transaction_id": "concat_ws('-', body:DE11::string, body:DE7::string, trim(body:DE41::string))",
                "event_time": "time_without_year(body:DE7, timestamp)",
                "card_id": "token_of(body:DE2)",
                "customer_id": "token_of(body:DE2)",
                "terminal_id": "trim(body:DE41::string)",
                "merchant_id": "trim(body:DE42::string)",
                "merchant_category": "$.DE18",
                "amount": "minor_units(body:DE4, body:DE49)",
                "currency": "currency_of(body:DE49)",
                "channel": "CASE WHEN body:DE22::string LIKE '81%' THEN 'ecom' "
                "WHEN body:DE18::string = '6011' THEN 'atm' ELSE 'pos' END",
                "country": "upper(right(trim(body:DE43::string), 2))",
                "response_code": "response_of(body:DE39)",
                "transaction_type": "type_of(body:MTI, body:DE3)",
                "billing_amount": "minor_units(body:DE6, body:DE51)",
                "billing_currency": "currency_of(body:DE51)",
            },
        }
    },
    _value(
        {
            "MTI": "0210",
            "DE2": CARD,
            "DE3": "000000",
            "DE4": "000000001250",
            "DE6": "000000001391",
            "DE7": "1231235958",
            "DE11": "000042",
            "DE18": "5411",
            "DE22": "051",
            "DE32": "476173",
            "DE39": "51",
            "DE41": "TERM0001",
            "DE42": "MERCHANT12     ",
            "DE43": "CORNER SHOP          LYON        FR",
            "DE49": "978",
            "DE51": "840",
        }
    ),
    [
        {
            "transaction_id": "000042-1231235958-TERM0001",
            "event_time": "2025-12-31T23:59:58.000000Z",
            "terminal_id": "TERM0001",
            "merchant_id": "MERCHANT12",
            "amount": "12.50",
            "currency": "EUR",
            "channel": "pos",
            "country": "FR",
            "response_code": "insufficient_funds",
            "transaction_type": "purchase",
            "billing_amount": "13.91",
            "billing_currency": "USD",
        }
    ],
)

ARRAY = Shape(
    {
        "transactions": {
            "each": "$",
            "fields": {
                "transaction_id": "$.id",
                "event_time": "$.timestamp",
                "card_id": "$.user_id",
                "customer_id": "$.user_id",
                "terminal_id": "$.merchant",
                "merchant_id": "$.merchant",
                "merchant_category": "'5999'",
                "amount": "$.amount",
                "currency": "$.currency",
                "channel": "'ecom'",
                "country": "$.location.country",
                "response_code": "'approved'",
            },
        }
    },
    _value(
        [
            {
                "id": f"tx{number}",
                "timestamp": "2026-01-01T00:00:00Z",
                "user_id": "u1",
                "merchant": "Shop",
                "amount": amount,
                "currency": "EUR",
                "location": {"country": "FR", "city": "Lyon"},
            }
            for number, amount in enumerate((12.5, 0.30000000000000004, 1e3))
        ]
    ),
    [
        {"transaction_id": "tx0", "amount": "12.5", "country": "FR"},
        {"transaction_id": "tx1", "amount": "0.30000000000000004"},
        {"transaction_id": "tx2", "amount": "1000"},
    ],
)

NESTED = Shape(
    {
        "transactions": {
            "fields": {
                "transaction_id": "$.order.id",
                "event_time": "$.created_at",
                "card_id": "$.payment.token",
                "customer_id": "$.customer_id",
                "terminal_id": "concat('web-', body:shop::string)",
                "merchant_id": "$.shop",
                "merchant_category": "category_of(body:order.items[0].category)",
                "amount": "$['order']['total']",
                "currency": "$.order.currency",
                "channel": "'ecom'",
                "country": "$.geo.country",
                "response_code": "if(body:payment.ok::boolean, 'approved', 'declined')",
                "ip_prefix": "concat(substring_index(body:ip::string, '.', 3), '.0/24')",
                "is_fraud": "$.is_fraud",
            }
        }
    },
    _value(
        {
            "created_at": "2026-01-01T00:00:00.123456+00:00",
            "customer_id": "c-7",
            "shop": "books.example",
            "ip": "203.0.113.77",
            "geo": {"country": "DE"},
            "order": {"id": "o-1", "total": "19.99", "currency": "EUR", "items": [{"sku": "b1", "category": "Books"}]},
            "payment": {"token": "tok-1", "ok": True},
            "is_fraud": False,
        }
    ),
    [
        {
            "transaction_id": "o-1",
            "event_time": "2026-01-01T00:00:00.123456+00:00",
            "terminal_id": "web-books.example",
            "merchant_category": "5942",
            "amount": "19.99",
            "response_code": "approved",
            "ip_prefix": "203.0.113.0/24",
            "is_fraud": "false",
        }
    ],
)

CHANGES = Shape(
    {
        "transactions": {
            "where": "body:payload.op::string <> 'd'",
            "fields": {
                "transaction_id": "$.payload.after.id",
                "event_time": "epoch_micros(body:payload.after.paid_at)",
                "card_id": "$.payload.after.card_token",
                "customer_id": "$.payload.after.customer_id",
                "terminal_id": "$.payload.after.terminal",
                "merchant_id": "$.payload.after.merchant",
                "merchant_category": "$.payload.after.mcc",
                "amount": "decimal_of(body:payload.after.amount, 2)",
                "currency": "$.payload.after.currency",
                "channel": "$.payload.after.channel",
                "country": "$.payload.after.country",
                "response_code": "$.payload.after.status",
            },
        }
    },
    _value(
        {
            "schema": {"type": "struct", "name": "bank.public.payments.Envelope"},
            "payload": {
                "before": None,
                "after": {
                    "id": 1001,
                    "paid_at": 1767225600250000,
                    "card_token": "91c1f54df2c19a56",
                    "customer_id": "C1",
                    "terminal": "T1",
                    "merchant": "M1",
                    "mcc": "5411",
                    "amount": "BOI=",
                    "currency": "EUR",
                    "channel": "pos",
                    "country": "FR",
                    "status": "approved",
                },
                "op": "c",
                "ts_ms": 1767225600300,
            },
        }
    ),
    [{"transaction_id": "1001", "event_time": "2026-01-01T00:00:00.250000Z", "amount": "12.50"}],
)

SHAPES = {
    "a simulator's history": SIMULATED,
    "a generator's, without a time": GENERATED,
    "ISO 8583 by field number": MESSAGE,
    "an array of flat objects": ARRAY,
    "nested, from a web shop": NESTED,
    "changes of a table": CHANGES,
}
