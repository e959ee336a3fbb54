"""A CSV history to the trainer's layout: what is read, and that no card number goes further."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from producer.__main__ import main
from producer.imports.cards import is_card_number
from producer.layout import FOLDERS, arrow_schema
from tests import sparkov
from tests.imported import PLAIN, Import, everything, plain, rows, token


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
