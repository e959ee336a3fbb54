"""The reference page of mappings, made of the code: `python -m spark_jobs.mapping_reference docs/reference/mapping.md`."""

import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from configuration.durations import text
from spark_jobs.input_settings import Input, InputSettings, SchemaRegistry
from spark_jobs.parts import Part
from spark_jobs.transforms.mapping import UNREADABLE
from spark_jobs.transforms.mapping_functions import CATEGORIES, FUNCTIONS, MESSAGES, PROCESSING, RESPONSES, Function

HEAD = """\
# Mapping

How records of other forms become the contract's. `make schemas` writes this page from the code. Worked cases are in
[Your own payments](../how-to/your-own-payments.md).

```yaml
input:
  transactions:                # labels, customers, merchants likewise; one input, or a list of them
    topic: payments            # null: topics.transactions
    fields:                    # by the name of the contract's field
      transaction_id: $.id     # a path into the value, read as text
      amount: minor_units(body:amount, body:currency)   # anything else is Spark SQL
      currency: "'EUR'"        # a constant, in quotes of its own
```

## Sources of fields

What begins with `$` is a path, as `variant_get` takes it: `$.payload.after.id`, `$['a name']`, `$.items[0]`. Its text is that
of a string its characters, of a number or boolean what stands there, and of an object or array its JSON. All else is a Spark SQL
expression, the language of rules. It may name:

| name | type | what it is |
|---|---|---|
| `body` | variant | the value, or an element where there is `each`; `body:a.b` is a part of it, `body:a.b::string` its text |
| `key` | string | Kafka's key as text |
| `headers` | map<string,string> | Kafka's headers as texts; of two with one name the later |
| `topic` | string | the topic |
| `timestamp` | timestamp | Kafka's time of the record |

A name that is not of letters, digits and `_` alone stands in brackets: `$.amount['@Ccy']`, `body:amount['@Ccy']::string`.

`body:a.b` as an argument of one of the functions below, or by itself, and `body:a.b::string` are the text of the path `$.a.b`. All
texts at paths are found in one reading of the value. Any other use of `body`, such as `body:a.b::int`, makes a variant of the
whole value first, which costs several times as much; where it can be helped, cast the text: `body:a.b::string::int`. A value
with a NaN or half a surrogate pair in it is no variant, and then a dead letter, `not_a_json_object`.

Spark SQL is computed in UTC with ANSI off, which matters in four places:

- Of a text and a time, as in `coalesce(body:at::string, timestamp)`, it makes a text without a zone, which is no time. Make both
  times: `coalesce(body:at::timestamp, timestamp)`.
- A backslash in a constant has to be doubled. `'[0-9]{4}'` does without.
- `concat` of something that is missing is null, so that the field is missing. `concat_ws` leaves it out: two payments may share
  an id.
- `<>` of something that is missing is null, and `where` takes no null: the payment is passed over, without a dead letter. Write
  `coalesce(body:status::string, '') <> 'PENDING'`, and watch `fraud_passed_over_records_total`.

What it gives must have a text: a string, a number, a boolean, a date, a timestamp, or a variant of one of these. The contract
judges this text as it judges one in contract JSON. Where the expression fails on a record, or gives null, the field is absent: a
required field that is missing makes a dead letter that names it.

Expressions are checked at the start. One that does not parse, names something else, looks at other records, asks for the clock
or for chance, or would end the stream, is refused by its field's name. So is a required field without a source.

All inputs of one topic have the same `format`, `schema_file` and `each`, and all but the last have `where`: the first whose
condition holds takes the record. A condition that gives null or fails does not hold. A record that none takes is passed over: it is
neither scored nor rejected, and `fraud_passed_over_records_total` counts it.

## Where there is `each`

- What stands around the array, such as the user whose payments it has or the header of a batch, cannot be named. Kafka's key and
  headers can: a sender can put there what all elements share.
- `where` is asked of each element, and not of the value. A value without the array is a dead letter, `not_an_array`, of whatever
  kind it is. A single object in its place, as converters from XML write it, is the one element.
- An empty array is passed over, and counted as such. One of more than 10,000 elements is a dead letter, `too_many`. An array in
  an array cannot be named, but for one place of it: `$.batches[0].payments`.
- `limits.max_bytes`, 65,536 by default and 400,000 at most, is for the whole value: a longer batch is one dead letter, `too_large`.
"""

VALUES = """\
## Values

A JSON value is one object, or has the array that `each` names. A BOM and a schema registry's frame (a zero byte and an id of
four) in front of it are skipped. Where a name stands twice, so that a path leads to two values, the record is a dead letter such
as `repeated:$.amount`. Avro is read with the schema of its writer: from the registry by the id in its frame, or from
`schema_file` where there is no frame.

| Avro | in `body` |
|---|---|
| record, map | object |
| array | array |
| union | its value |
| enum, string | text |
| int, long, double, boolean | number, boolean |
| float | the number that its shortest text says: 12.34 |
| decimal (bytes, fixed) | exact number; one of more than 38 digits is text |
| timestamp-millis, -micros, -nanos | text as the contract has times: 2026-11-24T10:00:00.250000Z |
| local-timestamp-millis, -micros, -nanos | the same without Z; `time_of` gives it a zone |
| date, time-millis, time-micros, uuid | text |
| bytes, fixed | base64 text |

A number that no calendar has for its logical type stays a number, and the contract says that its field is invalid.

Schemas are kept once they have been fetched: while the registry is away, records with known schemas go on. A record with another
one waits for `registry.wait`. Then it is rejected, and so are others that need an unknown schema, for as long again and without
a wait.

A record of customers or merchants without a value deletes the profile of its key: Kafka's key, or what the source of `card_id`
or `terminal_id` makes of it where that is an expression over `key`.

## Card numbers

`token_of` is where a card number ends. Its key is read from a file on the driver and on each executor. A dead letter of a mapped
record repeats key, value and headers with card numbers masked: of 13 to 19 digits that pass Luhn's check, alone or with more
digits behind them, the last four are left. Where there is `each`, it repeats the element as JSON. A number that Avro has as a long
is not seen as digits there, nor one inside of base64, nor one with digits right before it: keep such a topic's dead letters closed.

An account number is not masked there. `token_of(upper(body:iban::string))` makes a token of an IBAN.
"""


def render() -> str:
    """Returns the page."""
    return "\n".join(
        (
            HEAD,
            "## Settings of an input\n",
            *_settings(Input, ""),
            "\n## Settings for all inputs\n",
            *_settings(InputSettings, "", skipped=("transactions", "labels", "customers", "merchants", "registry")),
            *_settings(SchemaRegistry, "registry.", head=False),
            "",
            VALUES,
            *_table("Reason codes of values that are no record", ("code", "meaning"), UNREADABLE),
            "Codes that mapped records share with contract JSON are in [Reason codes](reason-codes.md).\n",
            "## Functions\n",
            "Each takes texts, numbers or variants, and returns text, or null where it cannot read what it gets.\n",
            "| function | returns | example |",
            "|---|---|---|",
            *(f"| `{_signature(one)}` | {one.returns} | {_example(one)} |" for one in FUNCTIONS),
            "",
            *_table("response_of (ISO 8583, DE39)", ("code", "response_code"), _by_value(RESPONSES), "All others are `declined`."),
            *_table("type_of: class of the message (second digit)", ("class", "transaction_type"), MESSAGES),
            *_table("type_of: processing code (DE3, first two digits)", ("code", "transaction_type"), _by_value(PROCESSING)),
            *_table("category_of", ("name", "merchant_category"), _by_value(CATEGORIES)),
        )
    )


def _settings(kind: type[Part], prefix: str, skipped: tuple[str, ...] = (), *, head: bool = True) -> Iterator[str]:
    if head:
        yield "| setting | default | meaning |"
        yield "|---|---|---|"
    for name, field in kind.model_fields.items():
        if name not in skipped:
            yield f"| `{prefix}{name}` | {'' if field.is_required() else _shown(field.default)} | {field.description} |"


def _shown(default: object) -> str:
    return "null" if default is None else text(default) if isinstance(default, timedelta) else str(default)


def _signature(one: Function) -> str:
    needed = len(one.arguments) - one.optional
    return f"{one.name}({', '.join(one.arguments[:needed])}{''.join(f'[, {name}]' for name in one.arguments[needed:])})"


def _example(one: Function) -> str:
    return f"`{one.example}`" + (f" is `{one.result}`" if one.result else "")


def _by_value(table: Mapping[str, str]) -> dict[str, str]:
    pairs = sorted(table.items(), key=lambda pair: pair[1])
    return {", ".join(key for key, _ in found): value for value, found in groupby(pairs, key=lambda pair: pair[1])}


def _table(title: str, head: tuple[str, str], rows: Mapping[str, str], after: str = "") -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| {head[0]} | {head[1]} |"
    yield "|---|---|"
    for key, value in rows.items():
        yield f"| {', '.join(f'`{one}`' for one in key.split(', '))} | {value} |"
    yield f"\n{after}\n" if after else ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render().rstrip() + "\n")
