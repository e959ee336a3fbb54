"""GitHub's workflows: actionlint reads them; what it does not look at is looked at here. Run they are by GitHub alone."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.derived import CHART

ROOT = CHART.parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text())
    return found


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in read(file)["jobs"].values() for step in job.get("steps", [])]


def test_all_are_there() -> None:
    assert [file.stem for file in FILES] == ["chart", "e2e-kind", "nightly", "publish", "test"]


def test_the_night_runs_all_that_test_all_runs() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "nightly.yaml")["jobs"].values()
    scripts = [step.get("run", "") for job in jobs for one in _with_called(job) for step in one.get("steps", [])]
    (parts,) = re.findall(r"^test-all: ([a-z0-9 -]+) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {f"make {part}" for part in parts.split()} <= set(scripts)


def _with_called(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield job
    if "uses" in job:
        yield from read(ROOT / job["uses"])["jobs"].values()


def test_actionlint_finds_nothing() -> None:
    program = shutil.which("actionlint")
    assert program, "actionlint is not in PATH: `make chart-tools` installs it"
    done = subprocess.run([program, "-no-color", "-shellcheck=", "-pyflakes=", *FILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_commit(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    assert [one for one in used if not (PINNED.fullmatch(one) or (one.startswith("./") and (ROOT / one).is_file()))] == []


def test_an_action_is_pinned_to_one_commit_everywhere() -> None:
    used = {one for file in FILES for one in re.findall(r"uses: (\S+@.*)", file.read_text())}
    assert len(used) == len({one.partition("@")[0] for one in used})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_may_do_little_and_not_for_long(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"].startswith(f"{file.stem}-")
    for name, job in workflow["jobs"].items():
        rights = {right for right, what in job.get("permissions", {}).items() if what == "write"}
        assert rights == ({"packages", "id-token"} if name == "publish" else set())
        assert "uses" in job or job["timeout-minutes"] <= 90
    for step in steps(file):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_script_is_built_from_what_strangers_write(file: Path) -> None:
    # ${{ }} inside a script is pasted before the shell reads it; values come by the environment.
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


def test_what_workflows_run_exists() -> None:
    scripts = "\n".join(step.get("run", "") for file in FILES for step in steps(file))
    targets = set(re.findall(r"^([a-z-][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = set(re.findall(r"\bmake ([a-z0-9-]+)", scripts))
    assert {"test", "test-chart", "test-e2e", "kind"} <= made <= targets
    assert [path for path in re.findall(r"(?<![\w/])charts/[\w./-]+", scripts) if not (ROOT / path).exists()] == []
    for step in steps(ROOT / ".github" / "workflows" / "publish.yaml"):
        if "build-push-action" in step.get("uses", ""):
            assert (ROOT / step["with"]["file"]).is_file()
            assert (step["with"]["sbom"], step["with"]["push"]) == (True, True)


def test_dependabot_looks_at_every_image_and_every_maven_project() -> None:
    updates = read(ROOT / ".github" / "dependabot.yml")["updates"]
    looked_at = {(one["package-ecosystem"], folder) for one in updates for folder in one.get("directories", [one.get("directory")])}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()  # noqa: S607
    kinds = {"Dockerfile": "docker", "pom.xml": "maven"}
    pinned = {(kinds[file.name], f"/{file.parent}") for file in map(Path, listed) if file.name in kinds}
    assert looked_at == pinned | {("github-actions", "/")}


def test_what_is_published_is_signed() -> None:
    publish = read(ROOT / ".github" / "workflows" / "publish.yaml")["jobs"]["publish"]["steps"]
    (signature,) = [step for step in publish if "cosign sign" in step.get("run", "")]
    pushed = [step["id"] for step in publish if step.get("with", {}).get("push") or "helm push" in step.get("run", "")]
    signed = re.findall(r"steps\.(\w+)\.outputs\.digest", " ".join(signature["env"].values()))
    assert sorted(signed) == sorted(pushed) == ["chart", "producer", "spark", "trainer"]
    assert all(f"@${name.upper()}" in signature["run"] for name in signed)
    chart = next(step for step in publish if step.get("id") == "chart")
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    written = set(re.findall(r"\.images\.(\w+)\.(\w+) = strenv\((?:REGISTRY|[A-Z]+)\)", chart["run"]))
    assert written == {(image, key) for image in values["images"] for key in ("repository", "digest")}, "whole names, and digests"


def test_images_are_published_from_one_base_image_by_its_digest(tmp_path: Path) -> None:
    publish = read(ROOT / ".github" / "workflows" / "publish.yaml")["jobs"]["publish"]["steps"]
    (base,) = [step for step in publish if step.get("id") == "base"]
    built = [step for step in publish if "build-push-action" in step.get("uses", "")]
    assert publish.index(base) < publish.index(built[0])
    for step in built:
        name, _, replaced = step["with"]["build-contexts"].partition("=")
        assert replaced == "docker-image://docker.io/library/debian@${{ steps.base.outputs.digest }}"
        found = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", (ROOT / step["with"]["file"]).read_text(), re.MULTILINE)
        stages = {stage for _, stage in found}
        ours = {"${SPARK_IMAGE}"} if "SPARK_IMAGE=" in step["with"]["build-args"] else set()
        assert {image for image, _ in found} - stages - ours == {name}
        assert f"inspect {name} |" in base["run"]

    docker, output = tmp_path / "docker", tmp_path / "output"
    docker.write_text('#!/bin/sh\nprintf \'Name: %s\\nDigest:    %s\\n\\n  Name: x@sha256:1\\n\' "$4" "$DIGEST"\n')
    docker.chmod(0o755)

    def run(digest: str) -> int:
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(output), "DIGEST": digest}
        return subprocess.run(["/bin/bash", "-eo", "pipefail", "-c", base["run"]], env=env).returncode

    assert run("") != 0
    assert not output.exists()
    assert run(digest := f"sha256:{'0f' * 32}") == 0
    assert output.read_text() == f"digest={digest}\n"
