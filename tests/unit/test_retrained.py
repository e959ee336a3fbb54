"""The same run makes the same version, once, whoever repeats it and whatever kills it."""

import json
import multiprocessing
import os
import sys
from datetime import timedelta
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from spark_jobs.settings import S3
from tests.killed import killer
from tests.labelled import BEGIN, kept, payments
from training import train_model, versions
from training.bundle import Run
from training.candidates import Candidate, train
from training.dataset import Reach
from training.files import Files
from training.splits import DAY, WEEK, TooLittleHistory
from training.store import ModelStore
from training.train_settings import TrainSettings
from training.versions import NoNewLabels, before, made_before, recipe, require_new, run_of, save

UNTIL = BEGIN + 50 * DAY
REACH = Reach(BEGIN, UNTIL)
SPAWN = multiprocessing.get_context("spawn")


def settings(folder: Path, **changes: Any) -> TrainSettings:
    known: dict[str, Any] = {
        "data": "lake",
        "store": str(folder / "models"),
        "family": "decision_tree",
        "cards_per_day": 8,
        "decline_precision": 0.6,
    }
    known["until"] = UNTIL
    return TrainSettings(**{**known, **changes})


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    folder = tmp_path_factory.mktemp("events")
    with threadpool_limits(1):
        found = train(settings(folder), kept(folder / "events", payments()), REACH)
    found.report["skew"] = None
    return found


def the_run(chosen: TrainSettings) -> Run:
    run = run_of(chosen, REACH)
    assert run is not None
    return run


def test_a_run_is_known_by_what_makes_its_model(tmp_path: Path) -> None:
    asked = recipe(settings(tmp_path))
    same: list[dict[str, Any]] = [
        {"store": "other"},
        {"until": UNTIL + DAY},
        {"promote": True},
        {"max_skew": 0.5},
        {"data": "lake/"},
    ]
    for change in same:
        assert recipe(settings(tmp_path, **change)) == asked, change
    other: list[dict[str, Any]] = [{"data": "other"}, {"family": "xgboost"}, {"label_delay": DAY}, {"decline_precision": 0.8}]
    for change in (*other, {"data": "kafka"}, {"folds": 2}):
        assert recipe(settings(tmp_path, **change)) != asked, change


def test_a_time_of_another_zone_is_the_same_time(tmp_path: Path) -> None:
    berlin = settings(tmp_path, until="2026-02-20T01:00:00+01:00")
    assert the_run(berlin) == the_run(settings(tmp_path))
    assert str(berlin.until) == str(UNTIL), "days are UTC's"


def test_a_program_of_other_code_makes_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recipe(settings(tmp_path))
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "new.py").write_text("LEARNT = 78\n")
    more = type(versions)("ours")
    more.__path__ = [str(tmp_path / "ours")]
    monkeypatch.setattr(versions, "PROGRAM", (*versions.PROGRAM, more))
    versions.code.cache_clear()
    assert recipe(settings(tmp_path)) != asked
    monkeypatch.undo()
    versions.code.cache_clear()
    assert recipe(settings(tmp_path)) == asked


def test_what_is_there_already_is_not_trained_again(
    tmp_path: Path, candidate: Candidate, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path)
    store = ModelStore(chosen.store, S3())
    assert made_before(store, chosen) is None
    found = save(chosen, candidate, the_run(chosen))
    manifest = store.require_usable(found["version"])
    assert manifest.version.startswith(f"decision_tree-20260220-000000-{recipe(chosen)[:8]}-")
    assert manifest.run == Run(until=UNTIL, judged_to=UNTIL - WEEK, recipe=recipe(chosen))
    asked = ["--data", "lake", "--family", "decision_tree", "--cards-per-day", "8"]
    asked += ["--decline-precision", "0.6", "--until", "2026-02-20T00:00:00Z"]
    assert train_model.main([*asked, "--store", chosen.store, "--json"]) == 0, "there is no such lake: nothing was read"
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == json.loads(json.dumps(found))
    assert save(chosen, candidate, the_run(chosen)) == json.loads(json.dumps(found))
    assert len(store.versions()) == 1


def test_nothing_is_made_where_no_label_has_matured(
    tmp_path: Path, candidate: Candidate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = settings(tmp_path)
    store = ModelStore(chosen.store, S3())
    assert before(store, chosen) is None
    save(chosen, candidate)
    assert before(store, chosen) is None, "of which nobody knows what was known to it"
    version = save(chosen, candidate, the_run(chosen))["version"]
    assert before(store, chosen) is None, "not of itself"
    assert before(store, settings(tmp_path, until=UNTIL - DAY)) is None, "a later one is not the past"
    assert before(store, settings(tmp_path, until=UNTIL + DAY, family="xgboost")) is None
    former = before(store, settings(tmp_path, until=UNTIL + DAY))
    assert former is not None
    require_new(1, former, UNTIL - 6 * DAY)

    def nothing_new(_: TrainSettings) -> None:
        require_new(0, former, UNTIL - 6 * DAY)

    monkeypatch.setattr(train_model, "run", nothing_new)
    assert train_model.main(["--data", "lake", "--store", chosen.store]) == train_model.SKIPPED == 5
    told = capsys.readouterr().err
    assert told.startswith(f"skipped: No label has matured since {version} was made: of payments from 2026-02-13 to 2026-02-14 ")
    with pytest.raises(NoNewLabels):
        nothing_new(chosen)


def test_days_without_a_payment_are_told(tmp_path: Path) -> None:
    events = kept(tmp_path / "events", payments(40))
    with pytest.raises(TooLittleHistory, match=r"no payments from 2026-02-21 to 2026-02-28, the days of test"):
        train(settings(tmp_path), events, Reach(BEGIN, BEGIN + 65 * DAY))


def killed_everywhere(chosen: TrainSettings, candidate: Candidate) -> None:
    store = ModelStore(chosen.store, S3())
    for lines in count():
        child = os.fork()
        if child == 0:
            sys.settrace(killer(lines))
            save(chosen, candidate, the_run(chosen))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        there = store.versions()
        assert len(there) <= 1
        if not os.WIFSIGNALED(status):
            assert status == 0
            assert len(there) == 1
            assert lines > 10
            return
        assert not there or store.require_usable(there[0].version)


def saved_at_once(chosen: TrainSettings, candidate: Candidate, met: Barrier) -> None:
    write = Files.write_folder

    def together(*arguments: Any) -> None:
        met.wait()  # nobody has found the other's
        write(*arguments)

    Files.write_folder = together  # type: ignore[method-assign]
    assert save(chosen, candidate, the_run(chosen))["version"] == ModelStore(chosen.store, S3()).versions()[0].version


def in_a_process_of_their_own(killed: TrainSettings, at_once: TrainSettings, candidate: Candidate) -> None:
    """Forks, which a process with threads must not."""
    killed_everywhere(killed, candidate)
    fork = multiprocessing.get_context("fork")
    met = fork.Barrier(2)
    two = [fork.Process(target=saved_at_once, args=(at_once, candidate, met)) for _ in range(2)]
    for one in two:
        one.start()
    for one in two:
        one.join()
    assert [one.exitcode for one in two] == [0, 0]


def test_killed_anywhere_or_two_at_once_it_is_one_version(tmp_path: Path, candidate: Candidate) -> None:
    killed, at_once = settings(tmp_path / "killed"), settings(tmp_path / "at once")
    worker = SPAWN.Process(target=in_a_process_of_their_own, args=(killed, at_once, candidate))
    worker.start()
    worker.join(timeout=300)
    assert worker.exitcode == 0
    (one,) = ModelStore(killed.store, S3()).versions()
    assert (tmp_path / "killed" / "models" / one.version / "report" / "card.md").exists()
    assert ModelStore(at_once.store, S3()).versions() == [one]
    assert [folder.name for folder in (tmp_path / "at once" / "models").iterdir()] == [one.version], "nothing half is left"


def test_the_card_says_what_the_model_is_and_is_not(tmp_path: Path, candidate: Candidate) -> None:
    chosen = settings(tmp_path)
    version = save(chosen, candidate, the_run(chosen))["version"]
    card = (tmp_path / "models" / version / "report" / "card.md").read_text()
    judged = candidate.report["judged_on"]
    for words in (
        f"# {version}\n",
        "of what was known at 2026-02-20T00:00:00+00:00",
        f"judged on {judged['rows']:,} later ones, {judged['frauds']:,} of them fraud",
        "| test | 2026-02-06 | 2026-02-13 |",
        f"| theft | {judged['frauds']} | ",
        "| share of declined that is fraud | ",
        "It was not compared with a champion on the same days.",
        "Nobody has compared its features with those that a detector has served.",
        "| `card_count_1h` | ",
        "`fraud models audit`",
    ):
        assert words in card, words


def test_precision_of_decline_is_told_as_that_of_review_is(candidate: Candidate) -> None:
    metrics = candidate.known.metrics
    assert candidate.known.thresholds.decline is not None
    assert metrics["declined"] >= 1
    assert 0 <= metrics["decline_precision_low"] <= metrics["decline_precision"] <= metrics["decline_precision_high"] <= 1
    assert metrics["decline_precision_low"] < metrics["decline_precision_high"]
    assert candidate.report["metrics"] == metrics
    assert candidate.report["window"] == {"from": BEGIN.isoformat(), "until": (BEGIN + timedelta(days=50)).isoformat()}
