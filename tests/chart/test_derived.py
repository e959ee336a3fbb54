"""What is generated is what is committed; what is rendered is what the examples show."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from charts.derived import CHART, SCHEMA, TOPICS, render_schema, render_topics, values_schema
from charts.render import EXAMPLE_ARGUMENTS, EXAMPLES, OVERLAYS, helm, render

ROOT = CHART.parent.parent


def test_the_schema_is_what_the_settings_classes_say() -> None:
    assert SCHEMA.read_text() == render_schema(), "run `make chart-docs`"


def test_the_topics_are_what_the_contract_says() -> None:
    assert TOPICS.read_text() == render_topics(), "run `make chart-docs`"


def test_the_readme_is_what_the_comments_say(tmp_path: Path) -> None:
    program = shutil.which("helm-docs")
    assert program, "helm-docs is not in PATH: `make chart-tools` installs it"
    copy = shutil.copytree(CHART, tmp_path / "fraud-detection")
    subprocess.run([program, "--chart-search-root", tmp_path, "--sort-values-order", "file", "--log-level", "warning"], check=True)
    assert (copy / "README.md").read_text() == (CHART / "README.md").read_text(), "run `make chart-docs`"


def test_every_key_of_the_chart_is_described() -> None:
    def undescribed(node: dict, place: str) -> list[str]:
        children = node.get("properties", {})
        if children:
            return [found for key, child in children.items() for found in undescribed(child, f"{place}.{key}")]
        return [] if "description" in node or place.startswith((".kafka.keys", ".topics.names", ".global")) else [place]

    assert undescribed(values_schema(), "") == []


@pytest.mark.parametrize("overlay", [None, *OVERLAYS, "openshift"])
def test_helm_lint_finds_nothing(overlay: str | None) -> None:
    done = helm("lint", "--strict", ".", *(("--values", f"values-{overlay}.yaml") if overlay else ()))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", EXAMPLE_ARGUMENTS)
def test_the_examples_are_what_is_rendered(name: str) -> None:
    _, _, golden = (EXAMPLES / name / "rendered.yaml").read_text().partition("\n")
    assert golden == render(*EXAMPLE_ARGUMENTS[name]), "run `make chart-examples` and read the difference"


def test_there_is_no_example_of_what_no_longer_exists() -> None:
    assert {folder.name for folder in EXAMPLES.iterdir()} == set(EXAMPLE_ARGUMENTS)


def test_the_package_has_the_values_files_and_no_examples(tmp_path: Path) -> None:
    done = helm("package", ".", "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.iterdir()
    listed = subprocess.run(["tar", "--list", "--file", archive], check=True, capture_output=True, text=True).stdout.split()  # noqa: S607
    assert {f"fraud-detection/values-{overlay}.yaml" for overlay in (*OVERLAYS, "openshift")} <= set(listed)
    assert not [one for one in listed if "examples" in one or "gotmpl" in one]


def test_versions_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.+)"', project, re.MULTILINE)
    (spark,) = re.findall(r'"pyspark==(.+?)"', project)
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version
    for runtime in ("kubeflow", "apache"):
        assert f"sparkVersion: {spark}\n" in render("--set", f"runtime={runtime}")
