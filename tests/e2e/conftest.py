"""One namespace, one broker, one archive of the chart for the whole session."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Namespace
from tests.e2e.kafka import Broker
from tests.e2e.release import Release, package


@pytest.fixture(scope="session")
def namespace() -> Namespace:
    """A namespace that the Spark operator serves; FRAUD_E2E_NAMESPACE names another."""
    return Namespace(os.environ.get("FRAUD_E2E_NAMESPACE", "fraud-e2e"))


@pytest.fixture(scope="session")
def broker(namespace: Namespace) -> Iterator[Broker]:
    made = Broker(namespace)
    made.start()
    yield made
    made.stop_forward()
    namespace.delete("apps/v1", "StatefulSet", "kafka")
    namespace.delete("v1", "PersistentVolumeClaim", "data-kafka-0")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="module")
def release(namespace: Namespace, archive: Path) -> Iterator[Callable[[str, str], Release]]:
    """Makes releases; at the end of the module nothing is left of them."""
    made: list[Release] = []

    def make(name: str, runtime: str = "kubeflow") -> Release:
        made.append(Release(name, namespace, archive, runtime))
        return made[-1]

    yield make
    for one in made:
        one.uninstall()
        for claim in ("checkpoint", "models"):
            namespace.delete("v1", "PersistentVolumeClaim", f"{one.name}-{claim}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    namespace = getattr(item, "funcargs", {}).get("namespace")
    if report.failed and isinstance(namespace, Namespace):
        report.sections.append((f"namespace {namespace.name}", namespace.report()))
    return report  # type: ignore[return-value]
