"""Payments as other people write them: records of our own in the public shapes, settings that read them, and what they are then."""

import base64
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
        {"transaction_id": "tx2", "amount": "1000.0"},
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

TRANSFERS = Shape(
    {
        "transactions": {
            "each": "$.Document.FIToFICstmrCdtTrf.CdtTrfTxInf",
            "where": "coalesce(body:PmtTpInf.CtgyPurp.Cd::string, '') <> 'SALA'",
            "fields": {
                "transaction_id": "coalesce(body:PmtId.UETR::string, body:PmtId.TxId::string)",
                "event_time": "coalesce(body:AccptncDtTm::timestamp, timestamp)",
                "card_id": "token_of(upper(coalesce(body:DbtrAcct.Id.IBAN::string, body:DbtrAcct.Id.Othr.Id::string)))",
                "customer_id": "token_of(upper(coalesce(body:DbtrAcct.Id.IBAN::string, body:DbtrAcct.Id.Othr.Id::string)))",
                "terminal_id": "token_of(upper(coalesce(body:CdtrAcct.Id.IBAN::string, body:CdtrAcct.Id.Othr.Id::string)))",
                "merchant_id": "$.CdtrAgt.FinInstnId.BICFI",
                "merchant_category": "'4829'",
                "amount": "$.IntrBkSttlmAmt['#text']",
                "currency": "currency_of(body:IntrBkSttlmAmt['@Ccy'])",
                "channel": "'ecom'",
                "country": "coalesce(body:Cdtr.PstlAdr.Ctry::string, substr(body:CdtrAgt.FinInstnId.BICFI::string, 5, 2))",
                "response_code": "'approved'",
            },
        }
    },
    _value(
        {
            "Document": {
                "@xmlns": "urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08",
                "FIToFICstmrCdtTrf": {
                    "GrpHdr": {
                        "MsgId": "M-20260101-7",
                        "CreDtTm": "2026-01-01T01:00:01+01:00",
                        "NbOfTxs": "3",
                        "SttlmInf": {"SttlmMtd": "CLRG"},
                    },
                    "CdtTrfTxInf": [
                        {
                            "PmtId": {
                                "EndToEndId": "NOTPROVIDED",
                                "TxId": "T-1",
                                "UETR": "7a562c67-ca16-48ba-b074-65581be6f001",
                            },
                            "PmtTpInf": {"SvcLvl": {"Cd": "SEPA"}, "LclInstrm": {"Cd": "INST"}},
                            "IntrBkSttlmAmt": {"@Ccy": "EUR", "#text": "1250.40"},
                            "IntrBkSttlmDt": "2026-01-01",
                            "AccptncDtTm": "2026-01-01T01:00:00.250+01:00",
                            "ChrgBr": "SLEV",
                            "Dbtr": {"Nm": "Erika Muster", "PstlAdr": {"Ctry": "DE"}},
                            "DbtrAcct": {"Id": {"IBAN": "DE89370400440532013000"}},
                            "DbtrAgt": {"FinInstnId": {"BICFI": "EXMPDEFFXXX"}},
                            "CdtrAgt": {"FinInstnId": {"BICFI": "EXMPNL2AXXX"}},
                            "Cdtr": {"Nm": "J. Jansen", "PstlAdr": {"Ctry": "NL"}},
                            "CdtrAcct": {"Id": {"IBAN": "NL91ABNA0417164300"}},
                            "RmtInf": {"Ustrd": "invoice 17"},
                        },
                        {
                            "PmtId": {"EndToEndId": "NOTPROVIDED", "TxId": "T-2"},
                            "IntrBkSttlmAmt": {"@Ccy": "KWD", "#text": "9.125"},
                            "IntrBkSttlmDt": "2026-01-01",
                            "Dbtr": {"Nm": "A. Example"},
                            "DbtrAcct": {"Id": {"Othr": {"Id": "0011-2233-44", "SchmeNm": {"Cd": "BBAN"}}}},
                            "DbtrAgt": {"FinInstnId": {"BICFI": "EXMPGB2LXXX"}},
                            "CdtrAgt": {"FinInstnId": {"BICFI": "EXMPKWKWXXX"}},
                            "Cdtr": {"Nm": "Dhow Trading"},
                            "CdtrAcct": {"Id": {"IBAN": "KW81CBKU0000000000001234560101"}},
                        },
                        {
                            "PmtId": {"EndToEndId": "PAYROLL-12", "TxId": "T-3"},
                            "PmtTpInf": {"CtgyPurp": {"Cd": "SALA"}},
                            "IntrBkSttlmAmt": {"@Ccy": "EUR", "#text": "2100"},
                        },
                    ],
                },
            }
        }
    ),
    [
        {
            "transaction_id": "7a562c67-ca16-48ba-b074-65581be6f001",
            "event_time": "2026-01-01T00:00:00.250000Z",
            "merchant_id": "EXMPNL2AXXX",
            "merchant_category": "4829",
            "amount": "1250.40",
            "currency": "EUR",
            "country": "NL",
        },
        {
            "transaction_id": "T-2",
            "event_time": "2026-01-01T00:00:30.000000Z",
            "amount": "9.125",
            "currency": "KWD",
            "country": "KW",
        },
    ],
)

BY_USER = Shape(
    {
        "transactions": {
            "each": "$.payments",
            "fields": {
                "transaction_id": "concat(key, '-', body:no::string)",
                "event_time": "time_of(body:at, 'd-M-yyyy H:mm[:ss]', 'Europe/Amsterdam')",
                "card_id": "concat(key, '-', body:card::string)",
                "customer_id": "key",
                "terminal_id": "concat(body:shop.name::string, '@', body:shop.city::string)",
                "merchant_id": "$.shop.name",
                "merchant_category": "lpad(body:shop.mcc::string, 4, '0')",
                "amount": "translate(body:amount::string, ',.-', '.')",
                "currency": "'EUR'",
                "channel": "decode(body:how::string, 'pin', 'pos', 'web', 'ecom', 'cash', 'atm')",
                "country": "coalesce(body:shop.country::string, 'NL')",
                "response_code": "if(body:refused::string IS NULL, 'approved', response_of(body:refused))",
                "transaction_type": "if(startswith(body:amount::string, '-'), 'refund', 'purchase')",
                "latitude": "$.shop.at[0]",
                "longitude": "$.shop.at[1]",
            },
        }
    },
    _value(
        {
            "user": {"id": "u-42", "name": "J. Jansen", "country": "NL", "since": 2019},
            "payments": [
                {
                    "no": 1,
                    "at": "1-1-2026 1:00",
                    "card": "a",
                    "how": "pin",
                    "amount": "1.234,50",
                    "shop": {"name": "Fietsen BV", "city": "Utrecht", "mcc": 763, "at": [52.09, 5.12]},
                },
                {
                    "no": 2,
                    "at": "1-1-2026 1:00:20",
                    "card": "b",
                    "how": "web",
                    "amount": "-12,00",
                    "shop": {"name": "Boeken", "city": "Gent", "mcc": 5942, "country": "BE", "at": None},
                },
                {
                    "no": 3,
                    "at": "1-1-2026 1:00:25",
                    "card": "a",
                    "how": "cash",
                    "amount": "50",
                    "refused": 51,
                    "shop": {"name": "Bank", "city": "Utrecht", "mcc": 6011},
                },
            ],
        }
    ),
    [
        {
            "transaction_id": "u-42-1",
            "event_time": "2026-01-01T00:00:00.000000Z",
            "card_id": "u-42-a",
            "customer_id": "u-42",
            "merchant_category": "0763",
            "amount": "1234.50",
            "channel": "pos",
            "country": "NL",
            "response_code": "approved",
            "transaction_type": "purchase",
            "latitude": "52.09",
            "longitude": "5.12",
        },
        {
            "card_id": "u-42-b",
            "event_time": "2026-01-01T00:00:20.000000Z",
            "amount": "12.00",
            "channel": "ecom",
            "country": "BE",
            "transaction_type": "refund",
        },
        {"terminal_id": "Bank@Utrecht", "amount": "50", "channel": "atm", "response_code": "insufficient_funds"},
    ],
    key=b"u-42",
)

_WALLET_STATUS = (
    "CASE {} WHEN 'AUTHORISED' THEN 'approved' WHEN 'DECLINED_LIMIT' THEN 'limit_exceeded' "
    "WHEN 'DECLINED_FUNDS' THEN 'insufficient_funds' WHEN 'DECLINED_RISK' THEN 'suspected_fraud' ELSE 'declined' END"
)
_NETWORK = (
    "CASE WHEN body:data.ip::string LIKE '%.%' "
    "THEN concat(substring_index(substring_index(body:data.ip::string, ':', -1), '.', 3), '.0/24') "
    "ELSE concat(substring_index(replace(lower(body:data.ip::string), '::', ':0:0:'), ':', 3), '::/48') END"
)
"""Of IPv4, of IPv4 in IPv6, and of IPv6, where `::` is taken for two groups of zeros."""

EVENT = Shape(
    {
        "transactions": {
            "where": "body:type::string LIKE 'com.example.wallet.payment.%' AND body:data.status::string <> 'PENDING'",
            "fields": {
                "transaction_id": "$.data.paymentId",
                "event_time": "epoch_micros(body:data.occurredAt)",
                "card_id": "$.data.wallet.instrument",
                "customer_id": "$.subject",
                "terminal_id": "concat('wallet-', body:data.merchant.ref::string)",
                "merchant_id": "$.data.merchant.ref",
                "merchant_category": "regexp_extract(body:data.merchant.mcc::string, '[0-9]{4}', 0)",
                "amount": "minor_units(body:data.amount.minor, body:data.amount.currency)",
                "currency": "currency_of(body:data.amount.currency)",
                "channel": "if(body:data.entry::string = 'NFC', 'pos', 'ecom')",
                "country": "upper(body:data.merchant.country::string)",
                "response_code": _WALLET_STATUS.format("body:data.status::string"),
                "device_id": "$.data.wallet.device",
                "ip_prefix": _NETWORK,
            },
        }
    },
    _value(
        {
            "specversion": "1.0",
            "id": "0f2b9c1e-5a0e-4f2e-9f0e-2d6f1f0c8a11",
            "source": "/wallets/eu-1",
            "type": "com.example.wallet.payment.v2",
            "subject": "usr-9",
            "time": "2026-01-01T00:00:00.4Z",
            "datacontenttype": "application/json",
            "data": {
                "paymentId": "wp-5001",
                "occurredAt": 1767225600250001,
                "status": "DECLINED_LIMIT",
                "wallet": {"instrument": "dpan-77", "device": "phone-3"},
                "amount": {"minor": 1299, "currency": "kwd"},
                "merchant": {"ref": "m-77", "mcc": "5814 Fast Food Restaurants", "country": "kw"},
                "entry": "IN_APP",
                "ip": "2001:DB8::370:7348",
            },
        }
    ),
    [
        {
            "transaction_id": "wp-5001",
            "event_time": "2026-01-01T00:00:00.250001Z",
            "card_id": "dpan-77",
            "customer_id": "usr-9",
            "merchant_category": "5814",
            "amount": "1.299",
            "currency": "KWD",
            "channel": "ecom",
            "country": "KW",
            "response_code": "limit_exceeded",
            "device_id": "phone-3",
            "ip_prefix": "2001:db8:0::/48",
        }
    ],
)


def _inside(path: str) -> str:
    """Returns the expression of a text in the JSON that an event has as base64."""
    return f"get_json_object(string(unbase64(body:data_base64::string)), '{path}')"


SEALED_EVENT = Shape(
    {
        "transactions": {
            "where": "body:type::string = 'com.example.wallet.payment.v2'",
            "fields": {
                "transaction_id": _inside("$.paymentId"),
                "event_time": f"epoch_micros({_inside('$.occurredAt')})",
                "card_id": _inside("$.wallet"),
                "customer_id": "$.subject",
                "terminal_id": f"concat('wallet-', {_inside('$.merchant.ref')})",
                "merchant_id": _inside("$.merchant.ref"),
                "merchant_category": f"category_of({_inside('$.merchant.kind')})",
                "amount": f"minor_units({_inside('$.amount.minor')}, {_inside('$.amount.currency')})",
                "currency": _inside("$.amount.currency"),
                "channel": "'ecom'",
                "country": _inside("$.merchant.country"),
                "response_code": _WALLET_STATUS.format(_inside("$.status")),
            },
        }
    },
    _value(
        {
            "specversion": "1.0",
            "id": "0f2b9c1e-5a0e-4f2e-9f0e-2d6f1f0c8a12",
            "source": "/wallets/eu-1",
            "type": "com.example.wallet.payment.v2",
            "subject": "usr-9",
            "datacontenttype": "application/json",
            "data_base64": base64.b64encode(
                _value(
                    {
                        "paymentId": "wp-5002",
                        "occurredAt": 1767225600250001,
                        "status": "AUTHORISED",
                        "wallet": "dpan-77",
                        "amount": {"minor": 1299, "currency": "JPY"},
                        "merchant": {"ref": "m-78", "kind": "Fast Food", "country": "JP"},
                    }
                )
            ).decode(),
        }
    ),
    [
        {
            "transaction_id": "wp-5002",
            "event_time": "2026-01-01T00:00:00.250001Z",
            "card_id": "dpan-77",
            "terminal_id": "wallet-m-78",
            "merchant_category": "5814",
            "amount": "1299",
            "currency": "JPY",
            "country": "JP",
            "response_code": "approved",
        }
    ],
)

SHAPES = {
    "a simulator's history": SIMULATED,
    "a generator's, without a time": GENERATED,
    "ISO 8583 by field number": MESSAGE,
    "an array of flat objects": ARRAY,
    "nested, from a web shop": NESTED,
    "changes of a table": CHANGES,
    "ISO 20022 transfers between accounts": TRANSFERS,
    "payments listed by user": BY_USER,
    "CloudEvents of a wallet": EVENT,
    "CloudEvents with base64 in them": SEALED_EVENT,
}
