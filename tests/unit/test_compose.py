"""docker-compose.yaml starts programs that exist, with settings that they take."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import watcher
from producer.settings import RunSettings, TopicSettings
from spark_jobs import archive_scored
from spark_jobs.archive_settings import ArchiveSettings, PostgresSettings
from spark_jobs.settings import DetectorSettings, RealTimeTrigger
from spark_jobs.sinks.postgres import timescale
from watcher.settings import WatcherSettings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
MONITORING = ROOT / "monitoring" / "compose"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_each_image_is_built_from_what_is_there(services: dict[str, Any]) -> None:
    built = {service["image"]: service["build"] for service in services.values() if "build" in service}
    others = {"apache/kafka:" + _kafka_version(), *(services[name]["image"] for name in ("database", "prometheus", "grafana"))}
    assert {service["image"] for service in services.values()} - built.keys() == others
    assert {image.partition("/")[0] for image in built} == {"localhost"}, "Compose asks a registry first: one that nobody can have"
    for build in built.values():
        lines = (ROOT / build["dockerfile"]).read_text().splitlines()
        copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
        sources = [part for copy in copies for part in copy if not part.startswith("--")]
        assert sources
        for source in sources:
            assert (ROOT / source).exists(), source
        admitted = (ROOT / ".dockerignore").read_text()
        assert all(f"!{source.partition('/')[0]}" in admitted for source in sources)


def test_each_program_takes_its_settings(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, kind: Any, arguments: list[str]) -> Any:
        for variable, value in services[name]["environment"].items():
            if variable != "<<":
                monkeypatch.setenv(variable, value)
        return kind.load(arguments, "test")

    program, *arguments = services["topics"]["command"]
    assert program == "topics"
    assert load("topics", TopicSettings, arguments).kafka.bootstrap_servers == "kafka:9092"
    program, *arguments = services["producer"]["command"]
    assert program == "run"
    assert load("producer", RunSettings, arguments).inline_labels
    option, inside = services["detector"]["command"]
    outside = next(mount.partition(":")[0] for mount in services["detector"]["volumes"] if f":{inside}" in mount)
    settings = load("detector", DetectorSettings, [option, str(ROOT / outside)])
    assert services["watcher"]["entrypoint"][-1] == watcher.__name__
    port = load("watcher", WatcherSettings, services["watcher"].get("command", [])).metrics.port
    assert services["watcher"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert services["archiver"]["command"] == archive_scored.PROGRAM.replace("python", "python3").split()
    sink = load("archiver", ArchiveSettings, []).sinks["database"]
    given = services["database"]["environment"]
    assert isinstance(sink, PostgresSettings)
    assert (sink.host, sink.user, sink.database) == ("database", given["POSTGRES_USER"], given["POSTGRES_DB"])
    assert isinstance(settings.trigger, RealTimeTrigger)
    assert settings.rules
    assert settings.log_dir is None


def test_the_database_has_a_timescaledb_that_is_used(services: dict[str, Any]) -> None:
    version, _, postgres = services["database"]["image"].partition(":")[2].partition("-pg")
    assert tuple(map(int, version.split(".")[:2])) >= timescale.OLDEST
    assert int(postgres) >= 15
    assert "ports" not in services["database"], "it asks for no password"
    optional = {name for name, service in services.items() if service.get("profiles") == ["archive"]}
    assert optional == {"database", "archiver"}
    needed = {one for name, service in services.items() if name not in optional for one in service.get("depends_on", {})}
    assert not needed & optional


def test_prometheus_asks_services_where_they_serve_and_grafana_shows_the_dashboards_to_anybody(services: dict[str, Any]) -> None:
    asked = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    for job in asked["scrape_configs"]:
        ((target,),) = (one["targets"] for one in job["static_configs"])
        service, port = target.split(":")
        assert f"127.0.0.1:{port}:{port}" in services[service]["ports"]
    grafana = services["grafana"]
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert not [name for name in grafana["environment"] if "PASSWORD" in name]
    mounts = {inside: ROOT / outside for outside, inside, _ in (mount.split(":") for mount in grafana["volumes"])}
    assert all(outside.exists() for outside in mounts.values())
    (provider,) = yaml.safe_load((MONITORING / "dashboards.yaml").read_text())["providers"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (mounts[provider["options"]["path"]] / home.name).exists()
    found = {one["type"]: one for one in yaml.safe_load((MONITORING / "datasources.yaml").read_text())["datasources"]}
    assert found["prometheus"]["url"] == "http://prometheus:9090"
    assert f"CREATE ROLE {found['postgres']['user']} LOGIN" in (MONITORING / "reader.sql").read_text()


def test_docker_understands_it() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("there is no docker with the compose plugin here; GitHub's machines have it")
    done = subprocess.run([docker, "compose", "--file", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _kafka_version() -> str:
    pom = (ROOT / "local" / "kafka" / "pom.xml").read_text()
    return pom.partition("<artifactId>kafka_2.13</artifactId>")[2].partition("<version>")[2].partition("<")[0]
