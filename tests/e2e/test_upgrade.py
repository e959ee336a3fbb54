"""From the version that was released last to this one, chart and images, under load: nothing is lost, and nothing is done twice."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster import Namespace, Object
from tests.e2e.kafka import Account, Broker, named
from tests.e2e.release import ROOT, Release, package

START_S = 240.0
BUILD_S = 1_200
TAG = "former"
FORMER: Object = {"images": {name: {"tag": TAG} for name in ("spark", "producer")}}
LOAD: Object = {"producers": {"normal": {"config": {"rate": 100}}}}


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the last release's chart, with its images in the cluster. FRAUD_E2E_UPGRADE_FROM names another commit."""
    commit = os.environ.get("FRAUD_E2E_UPGRADE_FROM") or _released()
    if not commit:
        pytest.skip("no tag v* is before this commit, and FRAUD_E2E_UPGRADE_FROM names none: there is nothing to upgrade from")
    tree = tmp_path_factory.mktemp("former")
    content = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        files.extractall(tree, filter="data")
    build = ["bash", str(ROOT / "tests" / "e2e" / "images.sh"), "images/spark", "images/producer"]
    done = subprocess.run(build, env=os.environ | {"TREE": str(tree), "TAG": TAG}, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stderr[-5_000:]
    return package(tmp_path_factory.mktemp("chart"), tree / "charts" / "fraud-detection")


def _released() -> str:
    """Returns the tag of the last version before this commit; nothing where there is none."""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.timeout(1_200, func_only=True)
@pytest.mark.parametrize("runtime", ["kubeflow", "none"])
def test_an_upgrade_under_load_repeats_nothing_and_loses_nothing(
    runtime: str, former: Path, archive: Path, release: Callable[[str, str], Release], broker: Broker, namespace: Namespace
) -> None:
    one = release(f"upgraded-{runtime}", runtime)
    topics, names = named(one.name)
    kept = namespace.everything() | {f"PersistentVolumeClaim/{one.name}-checkpoint"}
    account = Account(broker, topics)
    known = yaml.safe_load((former.parent / "fraud-detection" / "values.yaml").read_text())["topics"]["names"]
    one.archive = former
    one.apply("console", FORMER | LOAD | {"topics": {"names": {name: names[name] for name in known}}})
    one.until_logged("detector started", START_S)
    account.settle()
    before = one.incarnation()
    assert namespace.image(one.driver).endswith(f":{TAG}")

    one.archive = archive
    one.apply("console", LOAD | {"topics": {"names": names}})
    one.until_running(one.driver, START_S, other_than=before)
    one.until_logged("detector started", START_S)
    assert not namespace.image(one.driver).endswith(f":{TAG}")
    scored = len(account.scored)
    account.settle()
    assert len(account.scored) > scored, "no load"
    assert account.repeats == 0, "the former driver was not drained: what it had begun was done twice"
    assert not account.rejected()
    assert "alert after" in one.test()
    one.uninstall()
    namespace.until_only(kept, 120)
