"""The development loop: what its files name exists, and its scripts call the right programs, here stand-ins, in the right order.

Skaffold and kind themselves are not run, and Skaffold's JSON schema is in no registry: GitHub's e2e-kind workflow runs kind.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.derived import CHART
from charts.render import EXAMPLE_ARGUMENTS
from tests.chart.manifests import objects, pods

ROOT = CHART.parents[1]
SKAFFOLD: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
RELEASES: dict[str, dict[str, Any]] = {one["name"]: one for one in SKAFFOLD["deploy"]["helm"]["releases"]}
ARTIFACTS: list[dict[str, Any]] = SKAFFOLD["build"]["artifacts"]
OURS = RELEASES["fraud"]
DEV_SH = (ROOT / "charts" / "dev.sh").read_text()
LOCAL = "localhost/fraud-detection"
"""In a registry that nobody can have: a short name would be that of whoever registers it in a public one."""
TEMPLATE = re.compile(r"\{\{\.IMAGE_(REPO|TAG)_(\w+)\}\}")


def values_of(release: dict[str, Any]) -> tuple[str, ...]:
    return tuple(part for file in release["valuesFiles"] for part in ("--values", str(ROOT / file)))


def sanitized(image: str) -> str:
    """The name that Skaffold's templates have for an image."""
    return re.sub(r"[/.:-]", "_", image)


def filled(template: str) -> str:
    found = TEMPLATE.fullmatch(template)
    assert found, template
    image = next(one["image"] for one in ARTIFACTS if sanitized(one["image"]) == found[2])
    return image if found[1] == "REPO" else "built"


def test_skaffold_builds_every_image_from_what_is_there() -> None:
    assert SKAFFOLD["apiVersion"] == "skaffold/v4beta14"
    built = {one["image"]: one for one in ARTIFACTS}
    assert set(built) == {f"{LOCAL}/{file.parent.name}" for file in (ROOT / "images").glob("*/Dockerfile")}
    for image, artifact in built.items():
        dockerfile = ROOT / artifact["context"] / artifact["docker"]["dockerfile"]
        assert dockerfile.is_file()
        assert dockerfile.parent.name == Path(image).name


def test_skaffold_deploys_the_operators_first() -> None:
    assert list(RELEASES) == ["strimzi", "spark-operator", "fraud"]
    assert OURS["dependsOn"] == ["strimzi", "spark-operator"]
    assert all(RELEASES[name]["wait"] for name in OURS["dependsOn"])


def test_what_skaffold_names_exists() -> None:
    assert (ROOT / OURS["chartPath"] / "Chart.yaml").is_file()
    for release in RELEASES.values():
        for file in release["valuesFiles"]:
            assert isinstance(yaml.safe_load((ROOT / file).read_text()), dict), file


def test_every_pod_of_the_chart_runs_an_image_that_skaffold_built() -> None:
    # The schema is strict, so a key that the chart does not have is refused here.
    settings = [part for key, value in OURS["setValueTemplates"].items() for part in ("--set", f"{key}={filled(value)}")]
    found = objects(*values_of(OURS), "--values", "values-models.yaml", *settings)
    images = {container["image"] for pod in pods(found) for container in pod.spec["containers"]}
    assert images == {f"{one['image']}:built" for one in ARTIFACTS}
    kinds = {one["kind"] for one in found}
    assert {"SparkApplication", "Kafka", "KafkaTopic", "Deployment"} <= kinds


@pytest.mark.parametrize("name", EXAMPLE_ARGUMENTS)
def test_no_pod_runs_an_image_that_anybody_could_register(name: str) -> None:
    for pod in pods(objects(*EXAMPLE_ARGUMENTS[name])):
        assert {Path(container["image"]).parent for container in pod.spec["containers"]} == {Path(LOCAL)}, pod.where


def test_skaffold_and_the_script_install_the_same() -> None:
    versions = dict(re.findall(r"(strimzi|spark_operator)=([0-9.]+)", DEV_SH))
    assert versions == {"strimzi": RELEASES["strimzi"]["version"], "spark_operator": RELEASES["spark-operator"]["version"]}
    for name, release in RELEASES.items():
        (command,) = [one for one in commands(DEV_SH) if one.startswith(f"helm upgrade --install {name} ")]
        chart = release.get("remoteChart") or release["chartPath"]
        assert f" {chart} " in command
        assert f"--namespace {release['namespace']} " in command
        assert release.get("repo", "") in command
        assert all(file in DEV_SH for file in release["valuesFiles"])


def test_the_scripts_find_their_cluster_and_their_files() -> None:
    kind: dict[str, Any] = yaml.safe_load((ROOT / "kind-config.yaml").read_text())
    assert (kind["kind"], kind["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    assert f"--name {kind['name']}" in DEV_SH
    assert f"exec {kind['name']}-control-plane" in DEV_SH
    assert [node["role"] for node in kind["nodes"]] == ["control-plane"]
    paths = set(re.findall(r"(?:charts|images)/[-\w./]+\w|kind-config\.yaml", DEV_SH)) - {"charts/fraud-detection"}
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
    names = re.search(r"for name in (.*); do", DEV_SH)
    assert names
    assert {f"{LOCAL}/{name}" for name in names[1].split()} == {one["image"] for one in ARTIFACTS}


STAND_IN = """#!/bin/sh
echo "{name} $*" >>"$CALLS"
case "{name} $*" in
*" info"*) exit {works} ;;
*crictl*) exit 1 ;;
*" /dev/stdin "*) while read -r line; do :; done ;; # whoever writes to it must not be cut off
"cluster env") echo "export KUBECONFIG=of-the-cluster" ;;
helm* | "kind create"* | "kind export"*) echo "KUBECONFIG $KUBECONFIG" >>"$CALLS" ;;
esac
"""
PROGRAMS = (
    "bash",
    "env",
    "find",
    "sort",
    "xargs",
    "sha256sum",
    "sed",
    "git",
    "dirname",
    "basename",
    "grep",
    "mkdir",
    "mktemp",
    "rm",
)


class Machine:
    """One whose programs only write down how they were called. `works` is the one builder that does."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        for name in PROGRAMS:
            program = shutil.which(name)
            assert program
            (folder / name).symlink_to(program)
        monkeypatch.setenv("CALLS", str(folder / "calls"))
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.delenv("CLUSTER", raising=False)
        monkeypatch.setenv("KUBECONFIG", "of-the-user")

    def has(self, *names: str, works: str | None = None) -> None:
        for name in names:
            stand_in = self._folder / name
            stand_in.write_text(STAND_IN.format(name=name, works=0 if name == works else 1))
            stand_in.chmod(0o755)

    def run(self, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["bash", ROOT / script, *arguments], capture_output=True, text=True)  # noqa: S607

    @property
    def calls(self) -> list[str]:
        return (self._folder / "calls").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize("works", ["docker", "podman", "buildah"])
def test_images_are_built_by_what_is_there(machine: Machine, works: str) -> None:
    machine.has("docker", "podman", *(["buildah"] if works == "buildah" else []), works=works)
    done = machine.run("images/build.sh")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"dev-[0-9a-f]{12}\n", done.stdout)
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    found = [line for line in machine.calls if line.startswith(f"{works} build")]
    for image, line in zip(sorted(one["image"] for one in ARTIFACTS), found, strict=True):
        name = Path(image).name
        assert f"-t {image}:{done.stdout.strip()} -f images/{name}/Dockerfile" in line
        assert f"--build-arg SPARK_IMAGE={LOCAL}/spark:{done.stdout.strip()} " in line
        assert re.search(rf"--build-arg VERSION={version} --build-arg REVISION=\w+ \.$", line)
        dockerfile = (ROOT / "images" / name / "Dockerfile").read_text()
        for name in ("version", "revision"):
            assert f"ARG {name.upper()}=" in dockerfile
            assert f'org.opencontainers.image.{name}="${name.upper()}"' in dockerfile


def copied(dockerfile: Path) -> list[str]:
    """What a Dockerfile takes from the project."""
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+)$", dockerfile.read_text(), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.mark.parametrize("name", [Path(one["image"]).name for one in ARTIFACTS])
def test_what_an_image_takes_is_let_in_and_changes_its_tag(name: str) -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    hashed = re.search(r"find (.+?) -type f", (ROOT / "images" / "build.sh").read_text())
    assert hashed
    for source in copied(ROOT / "images" / name / "Dockerfile"):
        assert (ROOT / source).exists(), source
        for places in (let_in, hashed[1].split()):
            assert any(source == place or source.startswith(f"{place}/") for place in places), source


def test_a_tag_is_that_of_the_sources_and_not_of_what_was_built(machine: Machine, tmp_path: Path) -> None:
    machine.has("docker", works="docker")
    project = tmp_path / "project"
    for folder in (
        ".mvn",
        "contract",
        "configuration",
        "images",
        "notifier",
        "producer",
        "quality",
        "requirements",
        "spark_jobs",
        "training",
        "watcher",
        "kernel/src/main",
    ):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "kernel/jars.sha256", "kernel/pom.xml"):
        shutil.copy(ROOT / file, project / file)

    def tag() -> str:
        done = machine.run(str(project / "images" / "build.sh"))
        assert done.returncode == 0, done.stderr
        return done.stdout

    before = tag()
    (project / "kernel" / "target").mkdir()
    (project / "kernel" / "target" / "fraud-kernel-0.1.0.jar").write_text("built")
    assert tag() == before
    tags = {before}
    for file in ("kernel/pom.xml", "kernel/src/main/java/frauddetection/history/Plan.java"):
        with (project / file).open("a") as changed:
            changed.write("\n")
        tags.add(tag())
    assert len(tags) == 3


def test_a_machine_that_cannot_build_is_told(machine: Machine) -> None:
    machine.has("docker", "podman")
    done = machine.run("images/build.sh")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no docker, podman or buildah that works here")


@pytest.mark.parametrize("works", ["docker", "podman"])
def test_make_kind(machine: Machine, works: str) -> None:
    machine.has("docker", "podman", "kind", "kubectl", "helm", works=works)
    done = machine.run("charts/dev.sh", "kind", "--set", "topics.partitions=1")
    assert done.returncode == 0, done.stderr
    steps = [
        "kind create cluster --config kind-config.yaml",
        "helm upgrade --install strimzi",
        "helm upgrade --install spark-operator",
    ]
    steps += [f"{works} build", "kind load image-archive", "helm upgrade --install fraud charts/fraud-detection"]
    places = [next(place for place, call in enumerate(machine.calls) if call.startswith(step)) for step in steps]
    assert places == sorted(places)
    assert sum(call.startswith("kind load") for call in machine.calls) == len(ARTIFACTS)
    installed = next(call for call in machine.calls if call.startswith("helm upgrade --install fraud"))
    (tag,) = {call.partition("fraud-detection/")[2].split()[0].partition(":")[2] for call in machine.calls if " build " in call}
    assert f"--set images.spark.tag={tag},images.producer.tag={tag},images.trainer.tag={tag}" in installed
    assert installed.endswith("--values charts/dev/fraud-detection.yaml --set topics.partitions=1")
    contexts = {call for call in machine.calls if call.startswith("KUBECONFIG")}
    assert len(contexts) == 1
    assert not any("of-the-user" in one for one in contexts), "the user's own configuration is neither read nor changed"


def test_make_cluster(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has("cluster", "helm")
    assert "error: CLUSTER is not set" in machine.run("charts/dev.sh", "cluster").stderr
    monkeypatch.setenv("CLUSTER", "cluster")
    done = machine.run("charts/dev.sh", "cluster", "--set", "kafka.bootstrapServers=kafka:9092")
    assert done.returncode == 0, done.stderr
    up, env, base, *builds, install, context = machine.calls
    assert [up, env, base] == ["cluster up", "cluster env", "cluster base-image"]
    names = sorted(one["image"] for one in ARTIFACTS)
    images = [call.split(":dev-")[0] for call in builds if ":dev-" in call]  # not a base image with own authorities
    assert images == [f"cluster build-image -t {name}" for name in names]
    for cache in (".cache/pip", ".m2/repository"):
        assert all(f"/{cache}:/root/{cache} " in call for call in builds if ":dev-" in call), "downloads are used again"
    assert install.startswith("helm upgrade --install fraud charts/fraud-detection --namespace fraud")
    assert install.endswith("--set kafka.bootstrapServers=kafka:9092")
    assert context == "KUBECONFIG of-the-cluster"


def commands(script: str) -> list[str]:
    """Returns a script's commands, those over several lines as one."""
    return [line.strip() + " " for line in script.replace("\\\n", "").splitlines()]
