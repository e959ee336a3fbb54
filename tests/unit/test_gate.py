"""The gate: each planted fault stops a promotion, with its reason and the report; and whatever changes a role is in the audit."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import training.store
from spark_jobs.errors import UnusableModel
from spark_jobs.settings import S3
from tests.models import MADE_AT, added, description
from training import promotion
from training.audit import Audit, who
from training.bundle import MODEL, Manifest, Pointer, describe, sha256
from training.files import Files
from training.gate import Asked, Refused, judge
from training.models import app
from training.store import ModelStore, RoleRefused

GOOD: dict[str, Any] = {
    "champion": None,
    "leaks": [],
    "skew": {"payments": 900, "features": []},
    "judged_on": {"rows": 5_000, "frauds": 40},
}
DIFFERS = {
    "feature": "amount",
    "compared": 900,
    "differing": 90,
    "share": 0.1,
    "largest": 1.5,
    "example": {"transaction_id": "t1", "served": 1.0, "computed": 2.5},
    "first": "2026-11-01T00:00:00Z",
    "last": "2026-11-02T00:00:00Z",
}
QUALITY = {
    "day": "2026-11-24",
    "ok": False,
    "expectations": [
        {"severity": "critical", "success": False, "says": "no payment twice", "observed": "17 payments twice"},
        {"severity": "critical", "success": None, "says": "unchecked", "observed": "no table"},
        {"severity": "warning", "success": False, "says": "as many as usual", "observed": "half"},
    ],
}


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(str(tmp_path / "models"), S3())


def trained(store: ModelStore, number: int, average_precision: float | None = 0.8, **report: Any) -> Manifest:
    """Returns a version with a report, as the trainer leaves it."""
    files = {MODEL: f"trained {number}".encode()}
    manifest = describe("xgboost", description(average_precision), files, MADE_AT + timedelta(minutes=number))
    store.add(manifest, files, {"report.json": json.dumps(GOOD | report).encode(), "scores.png": b"\x89PNG"})
    return manifest


def champion(store: ModelStore) -> str | None:
    pointer = store.pointer("champion")
    return pointer.version if pointer else None


def events(store: ModelStore) -> list[tuple[str, str]]:
    return [(one.action, one.version) for one in store.audit.events()]


def worse(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    # On its own days it is better; on the same ones it is not.
    return trained(store, 2, 0.8, champion={"version": champion(store), "average_precision": 0.81})


def other_features(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    found = trained(store, 2)
    monkeypatch.setattr(training.store, "FEATURE_SET", "0123456789ab")
    return found


def rolled_back(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    found = trained(store, 2)
    promotion.promote(store, judge(store, found.version, Asked()), "anna")
    promotion.take_back(store, found.version, "the watch", "alerts are 40 %")
    return found


Planting = Callable[[ModelStore, pytest.MonkeyPatch], Manifest]
FAULTS: dict[str, tuple[Planting, Asked, str]] = {
    "worse": (
        worse,
        Asked(),
        "Average precision 0.8000, that of the champion xgboost-20261126-153100-c0de on the same days 0.8100",
    ),
    "leak": (
        lambda store, _: trained(store, 2, leaks=[{"kind": "label_before_transaction", "sentence": "9 labels came early."}]),
        Asked(),
        "Leak found: 9 labels came early",
    ),
    "quality": (
        lambda store, _: trained(store, 2),
        Asked(quality=QUALITY),
        "The data of 2026-11-24 cannot be trusted: expected no payment twice, found 17 payments twice",
    ),
    "few_frauds": (
        lambda store, _: trained(store, 2, judged_on={"rows": 5_000, "frauds": 9}),
        Asked(),
        "It was judged on 9 frauds, and at least 10 are asked for",
    ),
    "features": (other_features, Asked(), "this program has the feature set 0123456789ab"),
    "skew": (
        lambda store, _: trained(store, 2, skew={"payments": 900, "features": [DIFFERS]}),
        Asked(),
        "amount differs in 90 of 900 payments (10.00%)",
    ),
    "rolled_back": (rolled_back, Asked(), "by the watch: alerts are 40 %"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_ends_without_a_promotion_and_with_its_reason(
    store: ModelStore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = trained(store, 1, 0.7).version
    promotion.promote(store, judge(store, old, Asked()), "anna")
    planted, asked, said = FAULTS[kind]
    version = planted(store, monkeypatch).version
    verdict = judge(store, version, asked)
    assert [one.kind for one in verdict.reasons] == [kind]
    with pytest.raises(Refused) as caught:
        promotion.promote(store, verdict, "anna")
    told = str(caught.value)
    assert caught.value.exit_code == 6
    assert "\n" not in told
    assert said.replace("xgboost-20261126-153100-c0de", old) in told
    report = f"{store.place}/{version}/report/report.json"
    assert f"Its report: {report}" in told
    assert champion(store) == old
    last = max((one for one in store.audit.events() if one.version == version), key=lambda one: one.action == "refused")
    assert (last.action, last.by, last.champion) == ("refused", "anna", old)
    assert last.report is not None
    assert (last.report.path, last.report.sha256) == (report, sha256(Path(report).read_bytes()))


def test_all_reasons_are_told_at_once_and_a_good_model_has_none(store: ModelStore) -> None:
    good = trained(store, 1, 0.7)
    assert judge(store, good.version, Asked()).compared == "There was no champion"
    assert not judge(store, good.version, Asked()).reasons
    promotion.promote(store, judge(store, good.version, Asked()), "anna")
    bad = trained(store, 2, 0.6, leaks=[{"sentence": "One."}], judged_on={"frauds": 3})
    verdict = judge(store, bad.version, Asked(quality=QUALITY))
    assert [one.kind for one in verdict.reasons] == ["worse", "leak", "few_frauds", "quality"]
    assert verdict.sentence.startswith("(1) Average precision 0.6000, that of the champion")
    assert "; (4) The data of 2026-11-24 cannot" in verdict.sentence
    # Of another champion than today's the report says nothing that counts.
    other = trained(store, 3, 0.8, champion={"version": "old", "average_precision": 0.9})
    assert judge(store, other.version, Asked()).reasons == ()


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (0.7, 0.71, None),
        (0.7, 0.7, None),
        (0.7, 0.6999, "Average precision 0.6999, that of the champion xgboost-20261126-153100-c0de 0.7000"),
        (0.7, None, "Average precision unknown"),
        (None, 0.7, "0.7000, that of the champion xgboost-20261126-153100-c0de unknown"),
    ],
)
def test_a_version_without_a_report_is_judged_by_what_is_known_of_it(
    store: ModelStore, old: float | None, new: float | None, refusal: str | None
) -> None:
    before, candidate = added(store, 1, old).version, added(store, 2, new).version
    store.point("champion", before, "")
    verdict = judge(store, candidate, Asked())
    assert verdict.report is None
    if refusal is None:
        verdict.require()
        assert before in verdict.compared
        return
    with pytest.raises(Refused, match="--force --reason") as caught:
        verdict.require()
    assert refusal.replace("xgboost-20261126-153100-c0de", before) in str(caught.value)


def test_the_audit_says_who_did_what_when_why_and_by_which_report(store: ModelStore) -> None:
    one, two = trained(store, 1).version, trained(store, 2).version
    for _ in range(2):
        promotion.challenge(store, one, "anna", "a look")
    promotion.end_challenge(store, "anna", "")
    done = promotion.promote(store, judge(store, one, Asked()), "anna", "the first")
    promotion.force(store, two, "ben", "it must", None)
    promotion.roll_back(store, "carla", "bad nights")
    # What happens within one second has no order.
    assert sorted(events(store)) == [
        ("challenged", one),
        ("ended", one),
        *(("promoted", each) for each in (one, two)),
        ("rolled_back", two),
    ]
    by = {(one.action, one.version): one for one in store.audit.events()}
    first, forced, back = by["promoted", one], by["promoted", two], by["rolled_back", two]
    assert (first.by, first.at, first.reason, first.champion) == ("anna", done.pointer.promoted_at, "the first", one)
    assert (forced.by, forced.report, forced.champion) == ("ben", None, two)
    assert (back.by, back.reason, back.champion) == ("carla", "bad nights", one)
    assert "@" in who()


def test_what_is_champion_already_is_promoted_once(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    version = trained(store, 1).version
    verdict = judge(store, version, Asked())
    first = promotion.promote(store, verdict, "anna")
    again = promotion.promote(store, judge(store, version, Asked(quality=QUALITY)), "ben")
    assert (first.is_new, again.is_new, again.pointer) == (True, False, first.pointer)
    assert events(store) == [("promoted", version)]


def test_who_is_killed_between_pointer_and_audit_is_completed(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    version = trained(store, 1).version
    verdict = judge(store, version, Asked())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(Audit, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            promotion.promote(store, verdict, "anna")
    assert (champion(store), events(store)) == (version, [])
    promotion.promote(store, verdict, "ben")
    promotion.promote(store, verdict, "ben")
    assert events(store) == [("promoted", version)]


def test_two_at_once_make_one_promotion(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    version = trained(store, 1).version
    both_are_in = threading.Barrier(2)
    written = []

    def point(self: ModelStore, *asked: Any) -> Pointer:
        written.append(asked)
        with suppress(threading.BrokenBarrierError):  # while one writes, the other must not come so far
            both_are_in.wait(0.5)
        return unhindered(self, *asked)

    unhindered = ModelStore.point
    monkeypatch.setattr(ModelStore, "point", point)
    verdict = judge(store, version, Asked())
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda by: promotion.promote(ModelStore(store.place, S3()), verdict, by), ("anna", "ben")))
    assert sorted(one.is_new for one in done) == [False, True]
    assert written == [("champion", version, "There was no champion")]
    assert events(store) == [("promoted", version)]


@pytest.mark.parametrize("cut", ["mark", "write", "add"])
def test_a_rollback_that_was_cut_off_is_completed_once(store: ModelStore, cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, bad = trained(store, 1).version, trained(store, 2).version
    for version in (old, bad):
        promotion.promote(store, judge(store, version, Asked()), "anna")
    steps = {"mark": (Audit, "mark"), "write": (ModelStore, "roll_back"), "add": (Audit, "add")}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*steps[cut], killed)
        with pytest.raises(KeyboardInterrupt):
            promotion.take_back(store, bad, "the watch", "alerts are 40 %")
    for _ in range(2):
        assert promotion.take_back(store, bad, "the watch", "alerts are 40 %").version == old
    found = events(store)
    assert (found.count(("marked", bad)), found.count(("rolled_back", bad))) == (1, 1)
    assert "alerts are 40 %" in str(store.audit.marked(bad))
    with pytest.raises(RoleRefused, match="No champion before"):
        promotion.roll_back(store, "anna")


def test_what_was_rolled_back_returns_by_force_alone(store: ModelStore) -> None:
    old, bad = trained(store, 1).version, trained(store, 2).version
    for version in (old, bad):
        promotion.promote(store, judge(store, version, Asked()), "anna")
    promotion.take_back(store, bad, "the watch", "alerts are 40 %")
    with pytest.raises(Refused):
        promotion.promote(store, judge(store, bad, Asked()), "anna")
    assert champion(store) == old
    promotion.force(store, bad, "anna", "the data were at fault", None)
    assert champion(store) == bad


def test_an_event_that_somebody_has_changed_is_told(store: ModelStore) -> None:
    promotion.promote(store, judge(store, trained(store, 1).version, Asked()), "anna")
    (file,) = Files(store.place, S3()).names("audit")
    (Path(store.place) / "audit" / file).write_text("{}")
    with pytest.raises(training.store.UnusableStore, match="is wrong: action"):
        store.audit.events()


def test_people_and_scripts_are_told(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    old = trained(store, 1, 0.7).version
    bad = trained(store, 2, 0.6, leaks=[{"sentence": "9 labels <came> early."}]).version
    (tmp_path / "quality.json").write_text(json.dumps(QUALITY))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments, "--store", store.place])

    assert "may be promoted. There was no champion" in run("judge", old).output
    assert run("promote", old, "--by", "anna", "--report", "quality.json").exit_code == 0
    done = run("judge", bad, "--quality", "quality.json", "--html", "page.html", "--json")
    told = json.loads(done.output)
    assert (done.exit_code, told["may_be_promoted"]) == (6, False)
    assert [one["kind"] for one in told["reasons"]] == ["worse", "leak", "quality"]
    page = (tmp_path / "page.html").read_text()
    assert "9 labels &lt;came&gt; early" in page
    assert "data:image/png;base64," in page
    assert isinstance(run("judge", bad).exception, Refused)
    assert champion(store) == old
    (event,) = json.loads(run("audit", "--json").output)
    assert (event["by"], event["report"]["path"]) == ("anna", "quality.json")
    assert "anna" in run("audit").output
    assert isinstance(run("judge", bad, "--quality", "page.html").exception, training.gate.UnreadableReport)


def test_another_feature_set_is_still_refused_by_the_store(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    version = other_features(store, monkeypatch).version
    with pytest.raises(UnusableModel):
        promotion.force(store, version, "anna", "it must", None)
    assert champion(store) is None
