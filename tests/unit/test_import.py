"""A CSV history to the trainer's layout: what is read, what is refused and why, and that no card number goes further."""

import hashlib
import hmac
import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import yaml

from producer.__main__ import main
from producer.imports import history
from producer.imports.cards import is_card_number
from producer.imports.database import connect
from producer.layout import FOLDERS, arrow_schema
from tests import sparkov

KEY = "0123456789abcdef0123456789abcdef"
Import = Callable[..., dict[str, Any]]


@pytest.fixture
def key(home: Path) -> str:
    (home / "card.key").write_text(f"{KEY}\n")
    return "card.key"


@pytest.fixture
def imported(home: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Returns a function that runs the import into `out` and returns its account."""

    def run(*arguments: str, **mapping: Any) -> dict[str, Any]:
        if mapping:
            (home / "mapping.yaml").write_text(yaml.safe_dump(mapping))
            arguments = (*arguments, "--config", "mapping.yaml")
        assert main(["import", *arguments, "--output", "out", "--json"]) == 0, capsys.readouterr().err
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


@pytest.fixture
def refused(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Returns a function that runs an import that fails, leaves nothing, and returns its one paragraph."""

    def run(*arguments: str, **mapping: Any) -> str:
        if mapping:
            (home / "mapping.yaml").write_text(yaml.safe_dump(mapping))
            arguments = (*arguments, "--config", "mapping.yaml")
        before = set(home.iterdir())
        assert main(["import", *arguments, "--output", "out"]) == 1
        assert set(home.iterdir()) == before, "something is left"
        told = capsys.readouterr().err
        assert told.count("error: ") == 1
        return told[told.index("error: ") :]

    return run


def rows(name: str) -> list[dict[str, Any]]:
    return pq.read_table(Path("out") / name).to_pylist()


def token(number: str) -> str:
    return hmac.new(KEY.encode(), number.encode(), hashlib.sha256).hexdigest()


def everything(folder: Path) -> str:
    """Returns every value of every file below a folder, decompressed, and the files' own bytes."""
    parts = []
    for file in folder.rglob("*"):
        if file.is_file():
            parts += [
                file.read_bytes().decode("latin-1"),
                str(pq.read_table(file).to_pylist()),
                str(pq.read_metadata(file).metadata),
            ]
    return "\n".join(parts)


def test_both_shapes_of_sparkov_become_the_trainers_layout(imported: Import, key: str) -> None:
    people = sparkov.holders()
    first = sparkov.payments(people, 300)
    second = sparkov.payments(people, 200, seed=1, begin=sparkov.BEGIN + timedelta(days=20))
    sparkov.write(Path("train.csv"), first)
    sparkov.write(Path("adults.csv"), second, sparkov.PIPES)
    account = imported("train.csv", "adults.csv", "--card-key-file", key)
    given = [*first, *second]
    assert (account["records"], account["transactions"], account["labels"], account["refused"]) == (500, 500, 500, [])
    assert account["frauds"] == sum(one["is_fraud"] for one in given) > 10
    assert (account["customers"], account["profile_changes"], account["card_numbers"]) == (12, 0, ["cc_num"])
    for name, kind in FOLDERS.items():
        assert pq.read_schema(Path("out") / name / "part-00000.parquet") == arrow_schema(kind)

    paid = rows("transactions")
    assert len({one["transaction_id"] for one in paid}) == 500, "trans_num repeats between the files, transaction_id does not"
    for one, row in zip(paid, given, strict=True):
        web = row["category"].endswith("_net")
        assert one["event_time"] == datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC)
        assert (one["card_id"], one["amount"]) == (token(row["cc_num"]), Decimal(row["amt"]))
        assert (one["channel"], one["latitude"]) == (("ecom", None) if web else ("pos", row["merch_lat"]))
        assert (one["merchant_id"], one["currency"], one["country"]) == (row["merchant"].removeprefix("fraud_"), "USD", "US")
        assert len(one["merchant_category"]) == 4
    labels = rows("labels")
    assert [(one["transaction_id"], one["is_fraud"]) for one in labels] == [
        (one["transaction_id"], bool(row["is_fraud"])) for one, row in zip(paid, given, strict=True)
    ]
    assert all(one["labelled_at"] - one["event_time"] == timedelta(days=7) for one in labels)


def test_profiles_are_what_the_rows_show(imported: Import, key: str) -> None:
    given = sparkov.payments(sparkov.holders(), 300)
    sparkov.write(Path("train.csv"), given[::-1])  # in no order of time
    account = imported("train.csv", "--card-key-file", key)
    first = {row["cc_num"]: row for row in given[::-1]}
    customers = {one["card_id"]: one for one in rows("customers")}
    assert len(customers) == len(first) == 12
    for number, row in first.items():
        one = customers[token(number)]
        began = datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC)
        assert (one["name"], one["birth_date"]) == (f"{row['first']} {row['last']}", date.fromisoformat(row["dob"]))
        assert (one["home_latitude"], one["home_longitude"]) == (row["lat"], row["long"])
        assert (one["updated_at"], one["signup_date"]) == (began, began.date())
    paid = sorted(rows("transactions"), key=lambda one: one["event_time"], reverse=True)
    terminals = {one["terminal_id"]: one for one in paid}
    merchants = rows("merchants")
    assert account["merchants"] == len(merchants) == len(terminals) > 3
    for one in merchants:
        paid_first = terminals[one["terminal_id"]]
        assert (one["updated_at"], one["onboarding_date"]) == (paid_first["event_time"], paid_first["event_time"].date())
        assert one["merchant_id"] == paid_first["merchant_id"]


def test_a_holder_who_moves_and_moves_back_has_three_versions(imported: Import, key: str) -> None:
    (who,) = sparkov.holders(count=2)[:1]
    given = sparkov.payments([who], 30)
    for row in given[10:20]:
        row["lat"] = 12.5
    sparkov.write(Path("train.csv"), [*given[15:], *given[:15]])
    account = imported("train.csv", "--card-key-file", key)
    assert (account["customers"], account["profile_changes"]) == (1, 2)
    times = [datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC) for row in given]
    assert [(one["home_latitude"], one["updated_at"], one["signup_date"]) for one in rows("customers")] == [
        (who["lat"], times[0], times[0].date()),
        (12.5, times[10], times[0].date()),
        (who["lat"], times[20], times[0].date()),
    ]


def test_no_card_number_is_in_any_file(imported: Import, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    people = sparkov.holders()
    given = sparkov.payments(people, 200)
    given[7] |= {"amt": "much"}  # a refused record is told of, too
    sparkov.write(Path("train.csv"), given)
    account = imported("train.csv", "--card-key-file", key)
    written = everything(Path("out")) + json.dumps(account)
    assert token(people[0]["cc_num"]) in written
    for one in people:
        assert one["cc_num"] not in written
        assert one["ssn"] not in written


def test_card_numbers_without_a_key_are_refused(refused: Callable[..., str]) -> None:
    sparkov.write(Path("train.csv"), sparkov.payments(sparkov.holders(), 50))
    told = refused("train.csv")
    assert "train.csv holds card numbers in cc_num" in told
    assert "secrets.token_hex(32))' > card.key" in told
    Path("short.key").write_text("secret")
    assert "less than 32 bytes" in refused("train.csv", "--card-key-file", "short.key")
    assert "cannot be read: No such file" in refused("train.csv", "--card-key-file", "no.key")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111111111111111", True),
        ("4111 1111 1111 1111", True),
        ("4111-1111-1111-1111", True),
        ("4111111111111112", False),
        ("378282246310005", True),
        ("100000000000009", True),
        ("1767261600004", False),
        ("123456789012", False),
        ("", False),
        ("4111111111111111x", False),
        ("٤١١١١١١١١١١١١١١١", False),
    ],
)
def test_what_looks_like_a_card_number(text: str, expected: bool) -> None:
    assert is_card_number(text) is expected


PLAIN = {
    "transactions": {
        "transaction_id": "id",
        "event_time": "at",
        "card_id": "card",
        "customer_id": "card",
        "terminal_id": "shop",
        "merchant_id": "shop",
        "merchant_category": "'5999'",
        "amount": "amount",
        "currency": "'EUR'",
        "channel": "'pos'",
        "country": "'FR'",
        "response_code": "'approved'",
    },
    "labels": {"is_fraud": "fraud"},
}


def plain(*lines: str, name: str = "plain.csv") -> str:
    Path(name).write_text("\n".join(("id;at;card;shop;amount;fraud", *lines)) + "\n")
    return name


def test_other_columns_by_a_mapping(imported: Import) -> None:
    file = plain(
        "a;2026-01-01T10:00:00+02:00;c1;s1;1.50;true",
        "b;2026-01-02 10:00;c1;s1;2;0",
        "c;2026-01-03;c2;s2;3.25;",
    )
    account = imported(file, "--label-delay", "2d", **PLAIN)
    assert (account["transactions"], account["labels"], account["customers"], account["merchants"]) == (3, 2, 0, 0)
    assert [(one["event_time"].isoformat(), one["amount"]) for one in rows("transactions")] == [
        ("2026-01-01T08:00:00+00:00", Decimal("1.50")),
        ("2026-01-02T10:00:00+00:00", Decimal("2.00")),
        ("2026-01-03T00:00:00+00:00", Decimal("3.25")),
    ]
    assert [(one["is_fraud"], (one["labelled_at"] - one["event_time"]).days) for one in rows("labels")] == [(True, 2), (False, 2)]
    assert rows("customers") == rows("merchants") == []


def test_expressions_make_fields(imported: Import) -> None:
    file = plain("a;1767261600000;c1;s1;150;1", "a;1767348000000;c1;s1;99;0")
    fields = PLAIN["transactions"] | {
        "transaction_id": "id || '-' || \"at\"",
        "event_time": 'make_timestamp(CAST("at" AS BIGINT) * 1000)',
        "amount": "CAST(amount AS DECIMAL(14, 2)) / 100",
        "channel": "CASE shop WHEN 's1' THEN 'atm' ELSE 'pos' END",
    }
    imported(file, transactions=fields, labels={"is_fraud": "fraud", "labelled_at": "'2026-03-01'", "scenario": "'lost'"})
    assert [(one["transaction_id"], one["amount"], one["channel"]) for one in rows("transactions")] == [
        ("a-1767261600000", Decimal("1.50"), "atm"),
        ("a-1767348000000", Decimal("0.99"), "atm"),
    ]
    assert {(one["labelled_at"], one["scenario"]) for one in rows("labels")} == {(datetime(2026, 3, 1, tzinfo=UTC), "lost")}


def test_what_cannot_be_read_is_counted_with_reason_column_and_line(imported: Import) -> None:
    bad = "9999 secret 9999"
    file = plain(
        "a;2026-01-01;c1;s1;1;0",
        f"b;2026-01-01;c1;s1;{bad};0",
        f'c;2026-01-01;c1;"a shop\nof two lines";{bad};0',
        f"d;{bad};c1;s1;1;0",
        "e;2026-01-01;;s1;1;0",
        "f;2026-01-01;c1;s1;1;0;more",
        f"g;2026-01-01;c1;s1;1;{bad}",
        "a;2026-01-05;c2;s1;1;0",
        "",
        "h;2026-01-01;c1;s1;1;0",
    )
    with Path(file).open("ab") as out:
        out.write(b"i;2026-01-01;c1;\xff;1;0\n")
    account = imported(file, **PLAIN)
    assert (account["records"], account["transactions"], account["labels"]) == (10, 3, 2)
    found = {one["reason"]: (one["kind"], one["count"], one["columns"], one["first"]) for one in account["refused"]}
    assert found == {
        "invalid:amount": ("transactions", 1, ["amount"], "plain.csv, line 3"),
        "invalid:terminal_id": ("transactions", 1, ["shop"], "plain.csv, line 4"),
        "invalid:event_time": ("transactions", 1, ["at"], "plain.csv, line 6"),
        "missing:card_id": ("transactions", 1, ["card"], "plain.csv, line 7"),
        "columns": ("transactions", 1, [], "plain.csv, line 8"),
        "invalid:is_fraud": ("labels", 1, ["fraud"], "plain.csv, line 9"),
        "repeated:transaction_id": ("transactions", 1, ["id"], "plain.csv, line 10"),
        "invalid_utf8": ("transactions", 1, [], "plain.csv, line 13"),
    }
    assert "secret" not in json.dumps(account) + everything(Path("out"))


def test_a_profile_that_is_not_valid_costs_no_transaction(imported: Import) -> None:
    file = plain("a;2026-01-01;c1;s1;1;0", "b;2026-01-02;c2;s1;1;0")
    home = {"name": "card", "birth_date": "CASE card WHEN 'c1' THEN '1980-01-01' END", "home_latitude": "1", "home_longitude": "2"}
    account = imported(file, **PLAIN, customers=home)
    assert (account["transactions"], account["customers"]) == (2, 1)
    (one,) = account["refused"]
    assert (one["kind"], one["reason"], one["first"]) == ("customers", "missing:birth_date", "plain.csv, line 3")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"transactions": {"amount": "amnt"}},
            '`transactions.amount` is refused for plain.csv: Binder Error: Referenced column "amnt" not found',
        ),
        ({"transactions": {"amount": "CAST("}}, "`transactions.amount` is refused for plain.csv: Parser Error"),
        ({"transactions": {"amount": "sum(CAST(amount AS DOUBLE))"}}, "`transactions.amount` is refused"),
        ({"transactions": {"amount": "lag(amount) OVER ()"}}, "`transactions.amount` is refused"),
        ({"transactions": {"amount": "(SELECT content FROM read_text('/etc/hostname'))"}}, "`transactions.amount` is refused"),
        ({"transactions": {"ammount": "amount"}}, "`transactions.ammount` is not a field, the nearest name is `amount`"),
        ({"customers": {"name": "card"}}, "The mapping lacks `customers.birth_date`"),
        ({"customers": {"updated_at": "at"}}, "`customers.updated_at` cannot be mapped"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_by_name(refused: Callable[..., str], change: dict[str, Any], expected: str) -> None:
    mapping: dict[str, Any] = {name: {**PLAIN.get(name, {}), **change.get(name, {})} for name in PLAIN.keys() | change.keys()}
    assert expected in refused(plain("a;2026-01-01;c1;s1;1;0"), **mapping)


def test_a_second_file_whose_columns_differ_is_named_before_the_first_is_read(refused: Callable[..., str]) -> None:
    first = plain("a;2026-01-01;c1;s1;not read;0")
    Path("other.csv").write_text("id;at;card;shop;sum;fraud\nb;2026-01-01;c1;s1;1;0\n")
    assert "`transactions.amount` is refused for other.csv" in refused(first, "other.csv", **PLAIN)


def test_a_required_field_that_nothing_maps_is_named_before_a_record_is_read(refused: Callable[..., str]) -> None:
    fields = {name: text for name, text in PLAIN["transactions"].items() if name not in ("currency", "country")}
    told = refused(plain("a;2026-01-01;c1;s1;1;0"), transactions=fields)
    assert "lacks `transactions.currency`, `transactions.country`" in told


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file"),
        (b"", "has no header of several columns"),
        (b"a,b,A\n1,2,3\n", "has several columns of one name: A, a"),
        (b"id;at;card;shop;amount;fraud\n", "hold no record, only a header"),
        (b'id;at;card;shop;amount;fraud\na;2026-01-01;c;s;1;0\nb;"2026-01-01;c;s;1;0\n', "the record of line 3, is no CSV"),
        (b"id;at;card;shop;amount;fraud\na;never;c;s;1;0\n", "None of 1 records is a valid transaction: invalid:event_time"),
    ],
)
def test_a_file_that_is_of_no_use_is_named(refused: Callable[..., str], content: bytes | None, expected: str) -> None:
    if content is not None:
        Path("file.csv").write_bytes(content)
    assert expected in refused("file.csv", **PLAIN)


def test_an_unknown_file_without_a_mapping_says_how_to_begin(
    refused: Callable[..., str], imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    file = plain("a;2026-01-01;c1;s1;1;0")
    assert "is no Sparkov file" in refused(file)
    assert main(["import", file, "--show-mapping"]) == 0
    text = capsys.readouterr().out
    found = yaml.safe_load(text)
    assert found["transactions"] == {"transaction_id": "id", "card_id": "card", "amount": "amount"}
    assert found["labels"] == {"is_fraud": "fraud"}
    assert "# currency:  # ISO 4217 code" in text


def test_sparkovs_mapping_can_be_shown_changed_and_used(
    imported: Import, key: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sparkov.write(Path("train.csv"), sparkov.payments(sparkov.holders(), 40))
    assert main(["import", "train.csv", "--show-mapping"]) == 0
    mapping = yaml.safe_load(capsys.readouterr().out)
    mapping["transactions"]["currency"] = "'GBP'"
    imported("train.csv", "--card-key-file", key, **mapping)
    assert {one["currency"] for one in rows("transactions")} == {"GBP"}


def test_without_a_date_the_time_is_unix_time(imported: Import, key: str) -> None:
    given = sparkov.payments(sparkov.holders(), 30)
    columns = tuple(name for name in sparkov.COMMAS if name != "trans_date_trans_time")
    sparkov.write(Path("train.csv"), given, columns)
    imported("train.csv", "--card-key-file", key)
    assert [one["event_time"].timestamp() for one in rows("transactions")] == [row["unix_time"] for row in given]


def test_an_expression_opens_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with closing(connect(tmp_path / "spill")) as connection:
        for wanted in (f"FROM '{tmp_path}/secret.csv'", "SET enable_external_access = true", "INSTALL httpfs"):
            with pytest.raises(duckdb.Error):
                connection.execute(wanted)


def test_columns_of_card_numbers_that_do_not_look_like_it_are_named(imported: Import, key: str) -> None:
    file = plain("a;2026-01-01;1234;s1;1;0", "b;2026-01-02;5678;s1;1;0")
    imported(file, "--card-key-file", key, card_numbers=["card"], **PLAIN)
    assert [one["card_id"] for one in rows("transactions")] == [token("1234"), token("5678")]


def test_card_numbers_that_come_later_in_a_file_end_the_import(
    refused: Callable[..., str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BATCH", 8)
    cards = [*("x" for _ in range(8)), *(["4111111111111111", "378282246310005"] * 4)]
    lines = [f"{number};2026-01-01;{card};s1;1;0" for number, card in enumerate(cards)]
    told = refused(plain(*lines), "--card-key-file", key, **PLAIN)
    assert "holds card numbers in card too, from about line 10 on" in told
    assert "4111111111111111" not in told


def test_an_existing_folder_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "out").mkdir()
    assert main(["import", plain("a;2026-01-01;c1;s1;1;0"), "--output", "out"]) == 1
    assert "out exists already" in capsys.readouterr().err
    assert list((home / "out").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    file = plain(*(f"{one};2026-01-01;c1;s1;1;0" for one in range(40)))
    (home / "mapping.yaml").write_text(yaml.safe_dump(PLAIN))
    monkeypatch.setattr(history, "BATCH", 10)
    written = history.add
    seen: list[set[str]] = []

    def interrupted(*arguments: Any) -> None:
        written(*arguments)
        seen.append({one.name for one in home.iterdir()})
        os.kill(os.getpid(), number)

    monkeypatch.setattr(history, "add", interrupted)
    before = {one.name for one in home.iterdir()}
    assert main(["import", file, "--config", "mapping.yaml", "--output", "out"]) == 130
    assert len(seen[0] - before) == 1, "it was at work in one folder of another name"
    assert "out" not in seen[0]
    assert {one.name for one in home.iterdir()} == before


def test_the_summary_tells_people_what_was_refused_and_where(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = plain("a;2026-01-01;c1;s1;1;0", "b;2026-01-01;c1;s1;x;0")
    (home / "mapping.yaml").write_text(yaml.safe_dump(PLAIN))
    assert main(["import", file, "--config", "mapping.yaml", "--output", "out"]) == 0
    told = capsys.readouterr().out
    assert "records read" in told
    for word in ("invalid:amount", "amount", "line 3"):
        assert word in told


def test_help_says_when_labels_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for word in ("--label-delay", "default: 7 days", "--card-key-file", "--show-mapping", "usage: fraud import"):
        assert word in told
