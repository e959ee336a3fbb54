"""`fraud models` as a person or a script uses it, on a folder and on S3."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from onnx import NodeProto, TensorProto, helper
from typer.testing import CliRunner

import local.cli
from configuration import FraudDetectionError
from local.cli import app
from local.s3 import BUCKET, S3Server
from spark_jobs.features import FEATURE_SET
from spark_jobs.settings import S3
from tests.killed import killed_while_adding
from tests.models import FEATURES, MADE_AT, added, description, linear
from tests.s3 import client
from training.bundle import MODEL, describe
from training.store import ModelStore

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "promote-a-model.md"
FRAUD = Path(sys.executable).parent / "fraud"


def models(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def said(*arguments: str) -> str:
    done = models(*arguments)
    assert done.exit_code == 0, done.output or done.exception
    return done.output


def answer(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


def refused(*arguments: str) -> str:
    done = models(*arguments)
    assert isinstance(done.exception, FraudDetectionError), done.output
    assert "\n" not in str(done.exception)
    return str(done.exception)


def roles(*where: str) -> dict[str, str | None]:
    return {one["version"]: one["role"] for one in answer("list", *where)}


@pytest.fixture
def store(home: Path) -> ModelStore:
    """The laptop's: where `fraud models` looks when it is told nothing."""
    return ModelStore(str(home / ".fraud" / "models"), S3())


def write_model(home: Path, model: bytes, **changes: Any) -> list[str]:
    """Returns the arguments that add this model."""
    known = {"features": FEATURES, "thresholds": {"review": 0.3}, "metrics": {"average_precision": 0.7}} | changes
    (home / "own.onnx").write_bytes(model)
    (home / "own.json").write_text(json.dumps(known))
    return ["add", "own.onnx", "--manifest", "own.json"]


def test_a_model_of_ones_own_becomes_champion(home: Path) -> None:
    assert "No models in" in said("list")
    assert answer("list") == []
    model = linear(2)
    version = answer(*write_model(home, model))["version"]
    assert ModelStore(".fraud/models", S3()).files(version) == {MODEL: model}
    assert roles() == {version: None}
    shown = answer("show", version)
    assert (shown["family"], shown["feature_set"], shown["features"]) == ("onnx", FEATURE_SET, list(FEATURES))
    assert (shown["usual"], shown["thresholds"]) == ([None, None], {"review": 0.3, "decline": None})
    assert f"{version} is champion since" in said("promote", version)
    assert roles() == {version: "champion"}
    assert "There was no champion" in said("show", version)


def test_people_see_what_they_choose_by(store: ModelStore) -> None:
    one, other = added(store, 1, 0.7).version, added(store, 2, 0.75).version
    said("promote", one)
    rows = [[cell.strip() for cell in line.split("│")[1:5]] for line in said("list").splitlines() if "xgboost-" in line]
    assert rows == [[other, "", "0.750", "-"], [one, "champion", "0.700", "-"]]
    shown = said("show", other)
    for part in ("2026-10-27 to 2026-11-26, 1,000 transactions, 10 frauds", "review from 0.3100", "0.750", "is_weekend, is_night"):
        assert part in shown
    (row,) = answer("compare", one, other)["metrics"]
    assert row == {"metric": "average_precision", "a": 0.7, "b": 0.75, "difference": 0.05}
    assert "+0.050" in said("compare", one, other)


def test_a_worse_model_needs_force_and_a_reason_that_is_kept(store: ModelStore) -> None:
    good, worse = added(store, 1, 0.7).version, added(store, 2, 0.6).version
    said("promote", good, "--reason", "the first")
    message = refused("promote", worse)
    assert "0.6000" in message
    assert "0.7000" in message
    assert models("promote", worse, "--force").exit_code == 2
    assert roles() == {good: "champion", worse: None}
    said("promote", worse, "--force", "--reason", "the other one misses a new attack")
    pointer = store.pointer("champion")
    assert pointer is not None
    assert (pointer.version, pointer.previous, pointer.reason) == (worse, good, "the other one misses a new attack")

    assert f"{good} is champion again: Rolled back from {worse}" in said("rollback")
    assert roles() == {good: "champion", worse: None}
    assert "No champion before" in refused("rollback")


def test_a_challenger_comes_and_goes(store: ModelStore) -> None:
    one, other = added(store, 1).version, added(store, 2).version
    said("promote", one)
    said("challenge", other)
    assert roles() == {one: "champion", other: "challenger"}
    assert f"{one} is the champion" in refused("challenge", one)
    assert models("challenge").exit_code == models("challenge", other, "--end").exit_code == 2
    assert f"{other} is challenger no more" in said("challenge", "--end")
    assert "There was no challenger" in said("challenge", "--end")
    assert roles() == {one: "champion", other: None}


def test_a_broken_model_is_not_shown_as_if_it_were_whole(store: ModelStore, home: Path) -> None:
    version = added(store).version
    (home / ".fraud" / "models" / version / MODEL).write_bytes(b"")
    assert "model.onnx of" in refused("show", version)
    assert "model.onnx of" in refused("promote", version)


def ending_in(node: NodeProto, number: int) -> bytes:
    """Returns an ONNX model of two features, x, that puts out what the node makes of them, y."""
    graph = helper.make_graph(
        [node],
        "end",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", number, [None, None])],
    )
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


FOUR_COLUMNS = ending_in(helper.make_node("Concat", ["x", "x"], ["y"], axis=1), TensorProto.FLOAT)
CLASSES = ending_in(helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64), TensorProto.INT64)

ALWAYS_NONE = ending_in(helper.make_node("Div", ["x", "x"], ["y"]), TensorProto.FLOAT)
MARGINS = ending_in(helper.make_node("Neg", ["x"], ["y"]), TensorProto.FLOAT)
"""Puts out the last feature, negative."""
ABSENT_IS_ABSENT = ending_in(helper.make_node("Sigmoid", ["x"], ["y"]), TensorProto.FLOAT)

WRONG = {
    "NaN without a feature": (ABSENT_IS_ABSENT, {"features": ["amount", "speed_kmh"]}, "no number for a payment without speed_kmh"),
    "NaN of 0": (ALWAYS_NONE, {}, "gives no number for a payment of which everything is known"),
    "margins": (MARGINS, {}, "gives -1 for a payment whose is_night is 1, and a fraud_score is from 0 to 1"),
    "an amount for a score": (
        MARGINS,
        {"features": ["is_night", "amount"], "usual": [0, 0]},
        "gives -1e+09 for a payment whose amount is 1e+09",
    ),
    "NaN where a calibration is": (
        ABSENT_IS_ABSENT,
        {"features": ["amount", "speed_kmh"], "calibration": {"raw": [0], "score": [0]}},
        "no number for a payment without speed_kmh",
    ),
    "another width": (linear(3), {}, "is no model of 2 features"),
    "no ONNX": (b"\x80\x04pickle", {}, "is no model of 2 features"),
    "whole numbers": (linear(2, number=TensorProto.INT32), {}, "is no model of 2 features"),
    "four columns": (FOUR_COLUMNS, {}, "does not end in one score a row"),
    "classes, no scores": (CLASSES, {}, "does not end in one score a row"),
    "a feature that is none": (linear(2), {"features": ["is_night", "luck"]}, "needs the feature luck"),
    "no thresholds": (linear(2), {"thresholds": None}, "own.json is wrong: thresholds: "),
    "a word that is not known": (linear(2), {"treshold": 1}, "own.json is wrong: treshold: "),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_model_that_could_not_score_is_not_added(home: Path, what: str) -> None:
    model, changes, expected = WRONG[what]
    assert expected in refused(*write_model(home, model, **changes))
    assert answer("list") == []


def test_a_calibration_makes_scores_of_margins(home: Path) -> None:
    calibration = {"raw": [-1, 0], "score": [0, 1]}
    assert answer(*write_model(home, MARGINS, calibration=calibration))["version"].startswith("onnx-")


@pytest.mark.parametrize("action", ["promote", "challenge"])
def test_a_model_that_an_older_program_took_is_tried_before_it_scores(store: ModelStore, action: str) -> None:
    files = {MODEL: MARGINS}
    old = describe("onnx", description(), files, MADE_AT)
    store.add(old, files)
    assert f"{old.version} gives -1 for a payment whose is_night is 1" in refused(action, old.version)
    assert roles() == {old.version: None}


@pytest.mark.parametrize("number", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_numbers_may_be_of_either_size(home: Path, number: int) -> None:
    assert answer(*write_model(home, linear(2, number=number)))["version"].startswith("onnx-")


def test_the_pages_example_can_be_added(home: Path) -> None:
    example = HOW_TO.read_text().partition("```json\n")[2].partition("```")[0]
    (home / "own.onnx").write_bytes(linear(len(json.loads(example)["features"])))
    (home / "own.json").write_text(example)
    assert " is in " in said("add", "own.onnx", "--manifest", "own.json")


def test_a_mistake_is_one_paragraph_and_exit_code_1(home: Path) -> None:
    for arguments in (["show", "nothing"], ["add", "nowhere.onnx", "--manifest", "x"], ["list", "--store", "s3://bucket/x"]):
        done = subprocess.run([FRAUD, "models", *arguments], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_the_detectors_settings_say_where_models_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "detector.yaml").write_text("models: {store: elsewhere}\nkafka: {bootstrap_servers: 'kafka:9092'}\n")
    version = added(ModelStore("elsewhere", S3())).version
    monkeypatch.setenv("FRAUD_CONFIG", "detector.yaml")
    assert roles() == {version: None}
    assert roles("--store", "nowhere") == {}


def test_on_s3(home: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.settings.items():
        monkeypatch.setenv(f"FRAUD_S3__{name.upper()}", str(value))
    where = ("--store", f"s3a://{BUCKET}/{home.name}/models")
    assert roles(*where) == {}
    one = answer(*write_model(home, linear(2)), *where)["version"]
    other = answer(*write_model(home, linear(2, weight=0.2), metrics={"average_precision": 0.8}), *where)["version"]
    said("promote", one, *where)
    said("promote", other, *where)
    said("rollback", *where)
    said("challenge", other, *where)
    assert roles(*where) == {one: "champion", other: "challenger"}
    said("challenge", "--end", *where)
    told = [(event["action"], event["version"]) for event in answer("audit", *where)]
    assert sorted(told) == sorted(
        [("promoted", one), ("promoted", other), ("rolled_back", other), ("challenged", other), ("ended", other)]
    )

    # The manifest comes last: a version without it was never finished.
    files = client(s3)
    files.copy_file(f"{BUCKET}/{home.name}/models/{one}/{MODEL}", f"{BUCKET}/{home.name}/models/unfinished-00000000/{MODEL}")
    assert roles(*where) == {one: "champion", other: None}
    with files.open_output_stream(f"{BUCKET}/{home.name}/models/{one}/{MODEL}") as out:
        out.write(b"another model")
    assert "is not the one that was added" in refused("show", one, *where)


def test_the_laptops_s3_server_is_known_unless_another_is_named(home: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.launch, "s3", lambda: s3)
    place = f"s3a://{BUCKET}/{home.name}/laptop"
    version = added(ModelStore(place, S3.model_validate(s3.settings))).version
    assert roles("--store", place) == {version: None}
    monkeypatch.setenv("FRAUD_S3__CREDENTIALS_DIR", str(home))
    assert "has no pair of keys" in refused("list", "--store", place)


def test_who_is_killed_while_adding_to_s3_leaves_no_half(home: Path, s3: S3Server) -> None:
    place, reached = f"s3a://{BUCKET}/{home.name}/killed", S3.model_validate(s3.settings)
    store = ModelStore(place, reached)
    for _ in killed_while_adding(place, reached):
        found = store.versions()
        for one in found:
            store.files(one.version)
        assert store.pointed("champion") in (*found[:2], None)
    assert store.pointed("champion") == found[0]


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("[default]\naws_access_key_id = strange\naws_secret_access_key = s3cret%x\n", "cannot be used"),
        ("[default]\naws_access_key_id = strange\ns3cret\n", "credentials cannot be read, or has no pair of keys"),
        ("[other]\naws_access_key_id = strange\naws_secret_access_key = s3cret\n", "has no pair of keys under [default]"),
    ],
)
def test_keys_that_do_not_open_are_not_shown(
    home: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch, credentials: str, expected: str
) -> None:
    (home / "credentials").write_text(credentials)
    for name, value in {**s3.settings, "credentials_dir": str(home)}.items():
        monkeypatch.setenv(f"FRAUD_S3__{name.upper()}", str(value))
    message = refused("list", "--store", f"s3a://{BUCKET}/x")
    assert expected in message
    assert "s3cret" not in message
