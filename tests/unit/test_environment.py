"""Settings in the environment: a name that is mistyped is refused, and what other programs and Kubernetes put there is not."""

import importlib
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from configuration import InvalidSettings, Settings
from configuration.environment import KNOWN
from spark_jobs.archive_settings import ArchiveSettings
from spark_jobs.settings import DetectorSettings

ROOT = Path(__file__).parent.parent.parent


def refusal(kind: type[Settings] = DetectorSettings) -> str:
    with pytest.raises(InvalidSettings) as caught:
        kind.load([], "tests")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FRAUD_CHECKPOINTS", "FRAUD_CHECKPOINT"),
        ("fraud_checkpoints", "FRAUD_CHECKPOINT"),
        ("FRAUD_TRIGER__MODE", "FRAUD_TRIGGER__MODE"),
        ("FRAUD_TRIGGER_DURATION", "FRAUD_TRIGGER__DURATION"),
        ("FRAUD_KAFKA_BOOTSTRAP_SERVERS", "FRAUD_KAFKA__BOOTSTRAP_SERVERS"),
        ("FRAUD_INPUT_REGISTRY_URL", "FRAUD_INPUT__REGISTRY__URL"),
        ("FRAUD_CONFIGS", "FRAUD_CONFIG"),
        ("FRAUD_", ""),
    ],
)
def test_a_mistyped_name_is_refused_and_the_nearest_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    monkeypatch.setenv(name, "hunter2")
    told = refusal()
    assert f"`{name}`" in told
    assert f"nearest name is `{nearest}" in told or not nearest
    assert "hunter2" not in told


def test_what_is_mistyped_within_a_group_is_refused_by_the_group(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_LIMITS__MAX_AGES", "1d")
    assert "`limits.max_ages` is not a setting, the nearest name is `max_age`" in refusal()


def test_all_that_is_wrong_is_told_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_CHECKPOINTS", "x")
    monkeypatch.setenv("FRAUD_XYZZY", "x")
    assert "`FRAUD_CHECKPOINTS` (" in refusal(ArchiveSettings)
    assert "`FRAUD_XYZZY`" in refusal(ArchiveSettings)


def test_programs_share_an_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRAUD_RATE", "FRAUD_STORE", "FRAUD_HOME", "FRAUD_E2E_NAMESPACE", "FRAUD_LABEL_DELAY", "FRAUD_MODELS__STORE"):
        monkeypatch.setenv(name, "x")
    assert DetectorSettings.load([], "tests").models.store == "x"
    assert ArchiveSettings.load(["--retry", "9s"], "tests").retry.total_seconds() == 9


def test_what_kubernetes_says_of_services_is_no_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("FRAUD", "FRAUD_KAFKA_BOOTSTRAP"):
        monkeypatch.setenv(f"{service}_SERVICE_HOST", "10.0.0.1")
        for rest in ("SERVICE_PORT", "SERVICE_PORT_TCP_CLIENTS", "PORT", "PORT_9092_TCP", "PORT_9092_TCP_ADDR"):
            monkeypatch.setenv(f"{service}_{rest}", "x")
    DetectorSettings.load([], "tests")
    monkeypatch.delenv("FRAUD_KAFKA_BOOTSTRAP_SERVICE_HOST")
    assert "FRAUD_KAFKA_BOOTSTRAP_PORT" in refusal()


def test_the_known_names_are_those_of_all_programs() -> None:
    """Where it fails: write the new names into configuration/environment.py, and remove those that nobody has any more."""
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    for package in (one.rstrip("*") for one in included):
        for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            importlib.import_module(found.name)
    ours = {one for one in _all(Settings) if f"{one.__module__.partition('.')[0]}*" in included}
    assert {name for one in ours for name in one.model_fields} == KNOWN


def _all(kind: type[Settings]) -> Iterator[type[Settings]]:
    for one in kind.__subclasses__():
        yield from (one, *_all(one))
