"""One namespace, one broker, one archive of the chart for the whole session."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import pytest
from pyarrow import fs

from local.s3 import PROFILE, PROPERTIES, REGION
from spark_jobs.settings import S3
from tests.e2e.cluster import Namespace, free_port
from tests.e2e.kafka import IMAGE, Broker
from tests.e2e.release import Release, package
from training.files import file_system

S3_PORT = 9000


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


@pytest.fixture
def s3(namespace: Namespace, tmp_path: Path) -> Iterator[S3]:
    """An S3 server in the namespace, as this machine reaches it; its keys are in the Secret that values-s3.yaml names."""
    keys = {"access_key": secrets.token_hex(10), "secret_key": secrets.token_hex(20)}
    properties = PROPERTIES.format(endpoint=f"http://0.0.0.0:{S3_PORT}", data="/data/buckets", **keys)
    namespace.secret("s3-server", {"s3proxy.properties": properties.encode()})
    namespace.secret("s3-credentials", {"credentials": PROFILE.format(**keys).encode()})
    namespace.apply_yaml(Template((Path(__file__).parent / "s3.yaml").read_text()).substitute(image=IMAGE))
    (tmp_path / "credentials").write_text(PROFILE.format(**keys))
    port = free_port()
    forward = namespace.forward("s3", S3_PORT, port)
    yield S3(endpoint=f"http://127.0.0.1:{port}", region=REGION, path_style=True, credentials_dir=tmp_path)
    forward.kill()
    forward.wait()
    for kind, name in (("Pod", "s3"), ("Service", "s3"), ("Secret", "s3-server"), ("Secret", "s3-credentials")):
        namespace.delete("v1", kind, name)


@pytest.fixture
def bucket(s3: S3) -> fs.FileSystem:
    """The bucket that values-s3.yaml names."""
    return file_system("s3a://fraud", s3)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    namespace = getattr(item, "funcargs", {}).get("namespace")
    if report.failed and isinstance(namespace, Namespace):
        report.sections.append((f"namespace {namespace.name}", namespace.report()))
    return report  # type: ignore[return-value]
