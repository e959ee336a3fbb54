"""The model store: nothing is loaded that was not added, nothing is ever half-written, and who scores is never in doubt."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import training.store
from configuration import FraudDetectionError
from spark_jobs.errors import UnusableModel
from spark_jobs.features import FEATURE_SET
from spark_jobs.settings import S3
from tests.killed import killed_while_adding
from tests.models import FEATURES, MADE_AT, added, change, description
from training.bundle import MODEL, Calibration, describe, sha256
from training.files import UnusableStore
from training.gate import Asked, judge
from training.store import ModelStore, NoSuchModel, RoleRefused, VersionExists


@dataclass
class Kept:
    """A store, and the folder that it is."""

    folder: Path
    store: ModelStore


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "models", ModelStore(str(tmp_path / "models"), S3()))


def refused(kind: type[FraudDetectionError], call: Callable[[], Any]) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_manifest_on_disk_is_what_detector_and_store_agreed_on(kept: Kept) -> None:
    model = b"any bytes"
    known = description(calibration=Calibration(raw=(0.0, 0.4, 1.0), score=(0.0, 0.1, 0.95)))
    manifest = describe("xgboost", known, {MODEL: model}, MADE_AT)
    kept.store.add(manifest, {MODEL: model}, report={"report.json": b"{}"})
    assert json.loads((kept.folder / manifest.version / "manifest.json").read_text()) == {
        "format": 1,
        "version": f"xgboost-20261126-153000-{sha256(model)[:8]}",
        "family": "xgboost",
        "feature_set": FEATURE_SET,
        "features": list(FEATURES),
        "usual": [0.0, None],
        "calibration": {"raw": [0.0, 0.4, 1.0], "score": [0.0, 0.1, 0.95]},
        "thresholds": {"review": 0.31, "decline": None},
        "metrics": {"average_precision": 0.7},
        "trained_on": {
            "from": "2026-10-27T15:30:00Z",
            "to": "2026-11-26T15:30:00Z",
            "rows": 1_000,
            "frauds": 10,
            "label_delay_days": 7.0,
        },
        "created_at": "2026-11-26T15:30:00Z",
        "code_version": "0.1.0",
        "files": {MODEL: sha256(model)},
    }
    assert (kept.folder / manifest.version / "report" / "report.json").read_text() == "{}"
    assert kept.store.manifest(manifest.version) == manifest
    assert kept.store.files(manifest.version) == {MODEL: model}


def test_versions_are_listed_newest_first_and_strangers_are_passed_over(kept: Kept) -> None:
    assert kept.store.versions() == []
    two = [added(kept.store, 1), added(kept.store, 2)]
    shutil.copytree(kept.folder / two[0].version, kept.folder / ".fraud-part.whole.01234567")
    for name in ("half", "Notes", ".git"):
        (kept.folder / name).mkdir()
    (kept.folder / "readme.json").touch()
    assert kept.store.versions() == two[::-1]


def test_a_version_never_changes(kept: Kept) -> None:
    manifest = added(kept.store)
    assert "has xgboost-20261126-153000-" in refused(VersionExists, lambda: added(kept.store, average_precision=0.9))
    assert kept.store.manifest(manifest.version) == manifest


def test_files_that_are_not_those_of_the_manifest_are_not_added(kept: Kept) -> None:
    manifest = describe("xgboost", description(), {MODEL: b"one"}, MADE_AT)
    for files in ({MODEL: b"other"}, {}, {MODEL: b"one", "more": b""}):
        assert "are not those of its manifest" in refused(UnusableModel, lambda files=files: kept.store.add(manifest, files))
    assert kept.store.versions() == []


WRONG = {
    "another format": ({"format": 3}, "format: "),
    "a format of more files": ({"format": 2}, "format: 2 is that of a bundle with reference.json"),
    "an unknown family": ({"family": "oracle"}, "family: "),
    "a name that is none": ({"version": "../x"}, "version: "),
    "a name for another model": ({"version": "xgboost-20261126-153000-00000000"}, "version must end with the first eight digits"),
    "a file above": ({"files": {MODEL: "0" * 64, "../x": "0" * 64}}, "files: a name is not that of a file in the bundle"),
    "a file in a folder": ({"files": {MODEL: "0" * 64, "a/b": "0" * 64}}, "files: a name is not"),
    "a file by its root": ({"files": {MODEL: "0" * 64, "/etc/passwd": "0" * 64}}, "files: a name is not"),
    "a hidden file": ({"files": {MODEL: "0" * 64, ".x": "0" * 64}}, "files: a name is not"),
    "a name with dots": ({"files": {MODEL: "0" * 64, "a..b": "0" * 64}}, "files: a name is not"),
    "itself as a file": ({"files": {MODEL: "0" * 64, "manifest.json": "0" * 64}}, "files: a name is not"),
    "no model": ({"files": {}}, "files: model.onnx is not among them"),
    "a hash that is none": ({"files": {MODEL: "00"}}, "files.model.onnx: "),
    "no features": ({"features": [], "usual": []}, "features: "),
    "a feature twice": ({"features": ["is_night", "is_night"]}, "features: a name comes twice"),
    "a usual value too few": ({"usual": [1.0]}, "usual has 1 values for 2 features"),
    "a threshold above one": ({"thresholds": {"review": 1.5, "decline": None}}, "thresholds.review: "),
    "a map that steps back": ({"calibration": {"raw": [0, 1], "score": [1, 0]}}, "calibration: score must not decrease"),
    "a map that stands": ({"calibration": {"raw": [1, 1], "score": [0, 1]}}, "calibration: raw must be strictly increasing"),
    "a map with an end too few": ({"calibration": {"raw": [0, 1], "score": [0]}}, "calibration: raw has 2 points and score 1"),
    "a number as text": ({"metrics": {"auc_roc": "0.9"}}, "metrics.auc_roc: "),
    "no number": ({"metrics": {"auc_roc": float("nan")}}, "metrics.auc_roc: "),
    "a name that nobody knows": ({"pickle": "x"}, "pickle: "),
    "a name of Python's": ({"trained_on": {"begin": "2026-11-26T15:30:00Z"}}, "trained_on.from: "),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_manifest_is_refused_by_name(kept: Kept, what: str) -> None:
    version = added(kept.store).version
    changes, said = WRONG[what]
    change(kept.folder / version / "manifest.json", **changes)
    message = refused(UnusableModel, lambda: kept.store.files(version))
    assert message.startswith(f"manifest.json of {version} is wrong: ")
    assert said in message
    assert refused(UnusableModel, kept.store.versions) == message


def test_what_is_no_json_is_refused(kept: Kept) -> None:
    version = added(kept.store).version
    (kept.folder / version / "manifest.json").write_bytes(b"\x80\x04")
    assert "is wrong: Invalid JSON" in refused(UnusableModel, lambda: kept.store.manifest(version))


def test_a_changed_or_missing_file_is_not_loaded_and_not_promoted(kept: Kept) -> None:
    version = added(kept.store).version
    file = kept.folder / version / MODEL
    file.write_bytes(b"another model")
    assert f"model.onnx of {version} is not the one that was added" in refused(UnusableModel, lambda: kept.store.files(version))
    assert "is not the one" in refused(UnusableModel, lambda: kept.store.point("champion", version, ""))
    file.unlink()
    assert f"model.onnx of {version} is missing" in refused(UnusableModel, lambda: kept.store.point("challenger", version, ""))
    assert (kept.store.pointer("champion"), kept.store.pointer("challenger")) == (None, None)


def test_a_folder_under_another_name_is_not_that_version(kept: Kept) -> None:
    version = added(kept.store).version
    (kept.folder / version).rename(kept.folder / "renamed")
    assert f"The folder renamed has the manifest of {version}" in refused(UnusableModel, lambda: kept.store.files("renamed"))


@pytest.mark.parametrize("name", ["unknown", "", "..", "../outside", "./inside", "/etc"])
def test_a_version_that_is_not_there(kept: Kept, name: str) -> None:
    version = added(kept.store).version
    for place in (kept.folder.parent / "outside", kept.folder / "inside"):
        shutil.copytree(kept.folder / version, place)
    assert "has no model" in refused(NoSuchModel, lambda: kept.store.manifest(name))


def test_a_model_of_other_features_is_neither_added_nor_promoted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    version = added(kept.store).version
    monkeypatch.setattr(training.store, "FEATURE_SET", "0123456789ab")
    message = refused(UnusableModel, lambda: kept.store.point("champion", version, ""))
    assert f"needs the feature set {FEATURE_SET}; this program has the feature set 0123456789ab" in message
    assert "needs the feature set" in refused(UnusableModel, lambda: added(kept.store, 1))
    monkeypatch.undo()
    foreign = describe("onnx", description(features=("is_night", "phase_of_the_moon")), {MODEL: b""}, MADE_AT)
    message = refused(UnusableModel, lambda: kept.store.add(foreign, {MODEL: b""}))
    assert "needs the feature phase_of_the_moon" in message


def test_the_pointer_pins_the_manifest(kept: Kept) -> None:
    one, other = added(kept.store, 1), added(kept.store, 2)
    pointer = kept.store.point("champion", one.version, "the first")
    manifest = kept.folder / one.version / "manifest.json"
    assert json.loads((kept.folder / "champion.json").read_text()) == {
        "version": one.version,
        "manifest_sha256": sha256(manifest.read_bytes()),
        "promoted_at": pointer.promoted_at.isoformat().replace("+00:00", "Z"),
        "reason": "the first",
        "previous": None,
    }
    assert kept.store.pointed("champion") == one
    change(manifest, metrics={"average_precision": 0.1})
    for call in (
        lambda: kept.store.pointed("champion"),
        lambda: kept.store.point("champion", one.version, ""),
        lambda: judge(kept.store, other.version, Asked()),
    ):
        assert f"manifest.json of {one.version} has changed since it became champion" in refused(UnusableModel, call)
    assert kept.store.point("champion", other.version, "changed").version == other.version, "there is a way out"


def test_a_rollback_goes_back_once(kept: Kept) -> None:
    assert "There is no champion" in refused(RoleRefused, lambda: kept.store.roll_back(""))
    one, other = added(kept.store, 1).version, added(kept.store, 2).version
    kept.store.point("champion", one, "")
    assert f"No champion before {one} is known" in refused(RoleRefused, lambda: kept.store.roll_back(""))
    pointer = kept.store.point("champion", other, "")
    assert pointer.previous == one
    again = kept.store.point("champion", other, "again")
    assert (again.version, again.previous, again.reason) == (other, pointer.previous, "again"), "its way back is not lost"
    assert kept.store.roll_back("bad nights").reason == "bad nights"
    assert kept.store.pointed("champion") == kept.store.manifest(one)
    assert "No champion before" in refused(RoleRefused, lambda: kept.store.roll_back("a second time"))
    assert kept.store.pointed("champion") == kept.store.manifest(one)


def test_a_rollback_to_what_is_broken_changes_nothing(kept: Kept) -> None:
    one, other = added(kept.store, 1).version, added(kept.store, 2).version
    kept.store.point("champion", one, "")
    before = kept.store.point("champion", other, "")
    (kept.folder / one / MODEL).write_bytes(b"")
    refused(UnusableModel, lambda: kept.store.roll_back(""))
    assert kept.store.pointer("champion") == before


def test_a_challenger_is_another_than_the_champion(kept: Kept) -> None:
    one, other = added(kept.store, 1).version, added(kept.store, 2).version
    kept.store.point("champion", one, "")
    assert f"{one} is the champion" in refused(RoleRefused, lambda: kept.store.point("challenger", one, ""))
    kept.store.point("challenger", other, "")
    kept.store.point("champion", other, "it won")
    assert kept.store.pointer("challenger") is None
    kept.store.point("challenger", one, "")
    kept.store.roll_back("")
    assert kept.store.pointer("challenger") is None
    left = kept.store.point("challenger", other, "")
    assert kept.store.clear("challenger") == left
    assert kept.store.clear("challenger") is None


def test_a_pointer_that_is_none_is_told(kept: Kept) -> None:
    version = added(kept.store).version
    (kept.folder / "champion.json").write_text(json.dumps({"version": "../x"}))
    assert "champion.json in" in refused(UnusableStore, lambda: kept.store.pointer("champion"))
    refused(UnusableStore, lambda: kept.store.point("champion", version, ""))


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = ModelStore(str(tmp_path / "file"), S3())
    assert f"{tmp_path / 'file'} cannot be used: " in refused(UnusableStore, lambda: added(store))


def test_who_is_killed_while_adding_leaves_no_half(kept: Kept) -> None:
    for _ in killed_while_adding(str(kept.folder), S3()):
        found = kept.store.versions()
        for one in found:
            kept.store.files(one.version)
        assert kept.store.pointed("champion") in (*found[:2], None)
    assert kept.store.pointed("champion") == found[0]
    assert len(found) > 1, "one was killed between adding and promoting"


def test_what_the_killed_have_left_is_removed_a_day_later(kept: Kept) -> None:
    added(kept.store, 1)
    old, new, others = (kept.folder / name for name in (".fraud-part.a.00000000", ".fraud-part.b.00000000", ".git"))
    for folder in (old, new, others):
        folder.mkdir()
        (folder / MODEL).touch()
    long_ago = new.stat().st_mtime - timedelta(days=2).total_seconds()
    for folder in (old, others):
        os.utime(folder, (long_ago, long_ago))
    added(kept.store, 2)
    assert [folder.exists() for folder in (old, new, others)] == [False, True, True]
