"""What rules were in force can be read for ever."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from configuration import FraudDetectionError, KafkaConnection, TopicNames, reach
from contract import Ruleset, RuleText, decode
from local.cli import app
from spark_jobs.settings import Rule
from spark_jobs.sinks.rulesets import publish
from spark_jobs.transforms.decide import ruleset_version

OLD = {"large": Rule(when="amount > 100\n  AND channel = 'ecom'", reason='It is "large"'), "known": Rule(when="true", reason="x")}
NEW = {"large": Rule(when="amount > 200", action="decline", reason="It is large")}


def test_the_rules_of_a_version_are_shown_long_after_they_were_changed(
    home: Path, kafka: KafkaConnection, topics: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("FRAUD_TOPICS__RULESETS", topics.rulesets)
    for rules in (OLD, NEW, NEW, {}):
        publish(kafka, topics.rulesets, rules)
    old, new = ruleset_version(OLD), ruleset_version(NEW)
    shown = CliRunner().invoke(app, ["rules", "show", old, "--json"])
    assert shown.exit_code == 0, shown.exception
    assert decode(Ruleset, shown.output.encode()) == Ruleset(
        ruleset_version=old,
        rules=(
            RuleText(name="known", when="true", action="review", reason="x"),
            RuleText(name="large", when="amount > 100\n  AND channel = 'ecom'", action="review", reason='It is "large"'),
        ),
    )
    for_people = CliRunner().invoke(app, ["rules", "show", new]).output
    assert "amount > 200" in for_people
    assert "decline" in for_people
    unknown = CliRunner().invoke(app, ["rules", "show", "0" * 12]).exception
    assert isinstance(unknown, FraudDetectionError)
    assert old in str(unknown)
    assert new in str(unknown)


def test_a_topic_that_is_missing_is_not_made_and_stops_nothing(kafka: KafkaConnection) -> None:
    with capture_logs() as logs:
        publish(kafka, "nobody.made.this", NEW)
    assert [one["log_level"] for one in logs] == ["warning"]
    assert "has no topic nobody.made.this" in logs[0]["because"]
    assert "nobody.made.this" not in reach(kafka)[1].topics
