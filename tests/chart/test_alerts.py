"""Each alert fires for what it is about, and for nothing less; a clean day raises none: `promtool test rules` over made-up runs.

The rules are those that the chart renders, at progress periods of 1 s, 60 s and 303 s (a checkpoint every five minutes, and the
stall), with the watcher and without.
"""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.chart import alerting as a
from tests.chart.faults import (
    Making,
    blinded,
    deciding,
    frozen,
    given_up,
    growing,
    jump,
    killed,
    late,
    replaced,
    setting,
    stalled,
    starting,
    unarchived,
    undelivered,
    until,
    untold,
    waiting_to_be_copied,
)
from tests.chart.manifests import find, objects
from tests.chart.notified import NOTIFIED

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
HOUR_S = 3600
PERIODS = {
    1: ("--set", "detector.config.trigger.mode=microBatch", "--set", "detector.config.trigger.interval=1s"),
    60: ("--set", "detector.config.trigger.mode=microBatch", "--set", "detector.config.trigger.interval=60s"),
    303: ("--set", "detector.config.trigger.mode=realTime", "--set", "detector.executor.slots=10"),
}
ARCHIVED = (
    "--set",
    "archive.enabled=true,archive.config.sinks.lake.type=parquet",
    "--set",
    "archive.config.sinks.lake.path=s3a://fraud/lake",
)
WORLDS = [a.World(period, is_watched) for period in PERIODS for is_watched in (True, False)]


def named(world: a.World) -> str:
    return f"{world.period_s}s-{'with' if world.is_watched else 'without'}-watcher"


class Case(NamedTuple):
    """What happens from some instant on, and which alerts have fired `within_s`: these and no others."""

    fault: Making
    alerts: set[str]
    within_s: Callable[[a.World], float] = lambda world: 1800
    watched_only: bool = False
    passes: bool = False
    """Whether the alert ends by itself, as what happened is over or has become usual. The others fire while their cause lasts."""
    beside: bool = False
    """Whether it happens to a program beside the detector, whose reports it has nothing to do with: one world suffices."""


def soon(world: a.World) -> float:
    """Three minutes with the watcher, whatever the mode; without it the detector has to report twice."""
    return 180 if world.is_watched else 180 + 2 * world.period_s


def once_still(world: a.World) -> float:
    """With the watcher three minutes, or two batches more; without it the detector has missed three reports."""
    if world.is_watched:
        return 180 if world.period_s == 303 else 180 + world.period_s
    return 120 + max(120, 3 * world.period_s)


def seen(world: a.World) -> float:
    """Once half of a window, or two reports, are about what happens now."""
    return 300 + (0 if world.is_watched else 3 * world.period_s)


def when_told(world: a.World) -> float:
    return 180 + world.period_s


CASES = {
    "the detector is killed": Case(killed, {"FraudDetectorDown"}, lambda world: 180),
    "the detector is away for a minute": Case(until(75, killed), set()),
    "the detector stands still": Case(frozen, {"FraudDetectorStalled"}, once_still),
    "the detector stands still for less than a minute": Case(until(50, frozen), set()),
    "the detector ends at each start": Case(starting(120), {"FraudDetectorRestarts"}, lambda world: 300),
    "the detector is started twice": Case(starting(180, times=2), set(), lambda world: 600),
    "every payment is late": Case(late(1), {"FraudDetectorBehind"}, lambda world: 660 + 4 * world.period_s),
    "a few payments are late": Case(late(0.05), set()),
    "it catches up for a minute": Case(late(1, 60), set()),
    "two in a hundred are rejected": Case(growing(0.02, a.REJECTED, a.WATCHED_REJECTED), {"FraudDetectorRejects"}, seen),
    "all are rejected": Case(growing(1, a.REJECTED, a.WATCHED_REJECTED), {"FraudDetectorRejects"}, soon),
    "one in two hundred is rejected": Case(growing(0.005, a.REJECTED, a.WATCHED_REJECTED), set()),
    "one in ten is declined": Case(deciding(0.1), {"FraudDecisionsShifted"}, lambda world: 2700, passes=True),
    "two in a hundred are declined": Case(deciding(0.02), set()),
    "the model is lost": Case(setting(MISSING=1), {"FraudModelLost"}, lambda world: 180),
    "the model is away for a start": Case(until(45, setting(MISSING=1)), set()),
    "a pointer is refused": Case(setting(REFUSED=1), {"FraudModelRefused"}, lambda world: 420),
    "a pointer is refused until its files come": Case(until(120, setting(REFUSED=1)), set()),
    "a model is rolled back": Case(replaced(1560), {"FraudModelRolledBack"}, lambda world: 1620 + world.period_s, passes=True),
    "a model is promoted, and stays": Case(replaced(math.inf), set(), lambda world: 5_000),
    "a rule fails": Case(jump(a.FAILED), {"FraudRuleFails"}, when_told, passes=True),
    "the ceiling is reached": Case(jump(a.HELD_BACK), {"FraudDeclineCeiling"}, when_told, passes=True),
    "an executor serves another model": Case(
        setting(OTHER_MODEL=1), {"FraudExecutorsDiffer"}, lambda world: 510 + 2 * world.period_s
    ),
    "executors differ for one report": Case(lambda world: until(world.period_s + 60, setting(OTHER_MODEL=1))(world), set()),
    "a topic has grown": Case(setting(SLOTS_NEEDED=12), {"FraudSlotsShort"}, lambda world: 45),
    "no score for two in a hundred": Case(growing(0.02, a.UNSCORED, a.WATCHED_UNSCORED), {"FraudPaymentsUnscored"}, seen),
    "no score for one in two hundred": Case(growing(0.005, a.UNSCORED, a.WATCHED_UNSCORED), set()),
    "records are lost": Case(jump(a.LOST), {"FraudRecordsLost"}, when_told, passes=True),
    "a store takes nothing": Case(stalled, {"FraudArchiveStalled"}, lambda world: 960, beside=True),
    "a store takes nothing for ten minutes": Case(until(600, stalled), set(), beside=True),
    "the archiver is gone": Case(unarchived, {"FraudArchiveStalled"}, lambda world: 420, beside=True),
    "the archiver is away for two minutes": Case(until(120, unarchived), set(), beside=True),
    "a store takes less than comes": Case(waiting_to_be_copied(0, 1_000), {"FraudArchiveStalled"}, lambda world: 2400, beside=True),
    "the archiver catches up": Case(waiting_to_be_copied(10_000_000, -1_000), set(), lambda world: 3600, beside=True),
    "the notifier is gone": Case(untold, {"FraudNotifierDown"}, lambda world: 240, beside=True),
    "the notifier is away for two minutes": Case(until(120, untold), set(), beside=True),
    "the outbox is away": Case(setting(OUTBOX=0), {"FraudNotifierOutboxAway"}, lambda world: 180, beside=True),
    "the outbox is away for a minute": Case(until(60, setting(OUTBOX=0)), set(), beside=True),
    "a channel takes nothing": Case(undelivered, {"FraudNotifierBehind"}, lambda world: 1020, beside=True),
    "a channel takes nothing for ten minutes": Case(until(600, undelivered), set(), beside=True),
    "messages are given up": Case(given_up, {"FraudNotifierGivesUp"}, lambda world: 120, passes=True, beside=True),
    "a receiver wants no more": Case(setting(GONE=1), {"FraudNotifierGivesUp"}, lambda world: 45, beside=True),
    "the watcher is gone": Case(blinded, {"FraudWatcherDown"}, lambda world: 240, watched_only=True),
    "the watcher is away for a minute": Case(until(75, blinded), set(), watched_only=True),
    "the watcher reaches no broker": Case(setting(REACHABLE=0), {"FraudWatcherBlind"}, lambda world: 180, watched_only=True),
    "the watcher looks for a broker": Case(until(60, setting(REACHABLE=0)), set(), watched_only=True),
}

DAY_S = 24 * HOUR_S


def rendered(world: a.World) -> list[dict[str, Any]]:
    """Returns the groups of rules that the chart makes for such a world."""
    asked = ("--set", "monitoring.prometheusRule.enabled=true", "--set", f"watcher.enabled={str(world.is_watched).lower()}")
    found = objects(*PERIODS[int(world.period_s)], *asked, *ARCHIVED, values=NOTIFIED)
    return find(found, "PrometheusRule", "fraud-detector")["spec"]["groups"]


def promtool(*arguments: str, folder: Path) -> str:
    """Returns what promtool says; it fails where it finds something."""
    program = shutil.which("promtool")
    assert program, "promtool is not in PATH: `make chart-tools` brings it"
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run(world: a.World, tests: list[dict[str, Any]], every_s: int, folder: Path) -> None:
    """Puts made-up runs before the rules, which are asked every so many seconds."""
    (folder / "rules.yaml").write_text(json.dumps({"groups": rendered(world)}))
    file = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{every_s}s", "tests": tests}
    (folder / "tests.yaml").write_text(json.dumps(file))
    promtool("check", "rules", "rules.yaml", folder=folder)
    promtool("test", "rules", "tests.yaml", folder=folder)


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_an_alert_fires_for_what_it_is_about_and_for_nothing_less(world: a.World, tmp_path: Path) -> None:
    tests = []
    for name, case in CASES.items():
        if (world.is_watched or not case.watched_only) and (world is WORLDS[0] or not case.beside):
            told_s = a.BEGAN_S + case.within_s(world)
            looks = [a.look(a.FIRED, a.BEGAN_S - a.SCRAPE_S, set()), a.look(a.FIRED, told_s, case.alerts)]
            lasting = set() if case.passes else case.alerts
            ends_s = told_s + (630 if lasting else 0)
            looks += [a.look(a.still_firing(one), ends_s, {one}) for one in lasting]
            tests.append(a.promtool_test(name, world.series(ends_s, case.fault(world)), looks))
    run(world, tests, 30, tmp_path)


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_a_clean_day_raises_no_alert(world: a.World, tmp_path: Path) -> None:
    """From a fifth of the payments at night to nearly twice as many at noon, and an attack of ten minutes every three hours."""

    def payments(at_s: float) -> float:
        return a.RATE * (at_s - 0.8 * DAY_S / math.tau * math.sin(math.tau * at_s / DAY_S))

    def alerts(at_s: float) -> float:
        attacks, into_s = divmod(at_s, 3 * HOUR_S)
        return a.ALERTED * payments(at_s) + 1.0 * (attacks * 600 + min(into_s, 600))

    busy = world._replace(payments=payments, alerts=alerts)
    minute = 60
    day = a.promtool_test("a clean day", busy.series(DAY_S, every_s=minute), [a.look(a.FIRED, DAY_S, set())], every_s=minute)
    run(world, [day], minute, tmp_path)


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_every_alert_has_a_case_a_severity_and_a_section_in_the_runbook(world: a.World) -> None:
    rules = {rule["alert"]: rule for group in rendered(world) for rule in group["rules"]}
    cases = [case for case in CASES.values() if world.is_watched or not case.watched_only]
    assert set().union(*(case.alerts for case in cases)) == set(rules)
    anchors = {title.lower() for title in re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)}
    for name, rule in rules.items():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        base, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert base.endswith("docs/runbook.md")
        assert anchor in anchors, name


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_no_window_of_the_detectors_own_counters_is_shorter_than_two_reports(world: a.World) -> None:
    expressions = [rule["expr"] for group in rendered(world) for rule in group["rules"]]
    windows = [
        found for one in expressions for found in re.findall(r"\b(?:rate|increase)\(fraud_(?!watch_|notify_)\w+{.*?}\[(\w+)\]", one)
    ]
    assert windows
    assert min(int(one.removesuffix("s")) for one in windows if one != "1d") >= 2 * world.period_s
