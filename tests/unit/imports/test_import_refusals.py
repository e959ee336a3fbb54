"""What of a CSV history is refused, and why."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from producer.__main__ import main
from producer.imports import history
from producer.imports.database import connect
from tests import sparkov
from tests.imported import PLAIN, Import, everything, plain, rows, token


def test_card_numbers_without_a_key_are_refused(refused: Callable[..., str]) -> None:
    sparkov.write(Path("train.csv"), sparkov.payments(sparkov.holders(), 50))
    told = refused("train.csv")
    assert "train.csv holds card numbers in cc_num" in told
    assert "secrets.token_hex(32))' > card.key" in told
    Path("short.key").write_text("secret")
    assert "less than 32 bytes" in refused("train.csv", "--card-key-file", "short.key")
    assert "cannot be read: No such file" in refused("train.csv", "--card-key-file", "no.key")


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
