"""The chart, installed from its archive as a person does it."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from kubernetes import client

from tests.e2e.cluster import Namespace, Object, ready

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "fraud-detection"
DRIVERS = {"kubeflow": "{}-detector-driver", "apache": "{}-detector-0-driver", "none": "{}-detector-driver-0"}

QUICK_START = {f"spark.{role}.extraJavaOptions": "-XX:TieredStopAtLevel=1" for role in ("driver", "executor")}
"""Spark settings of every release: a third of the CPU of a start is the compiler for JVMs that live longer."""

RUNS = {
    "kubeflow": ("sparkoperator.k8s.io/v1beta2", "SparkApplication", "sparkapplications.sparkoperator.k8s.io"),
    "none": ("batch/v1", "Job", "jobs"),
}
"""What a run of the trainer is."""


def package(folder: Path, chart: Path = CHART) -> Path:
    """Returns the chart's archive in a folder, with its values files beside it, as someone unpacks them."""
    helm("package", str(chart), "--destination", str(folder))
    archive = next(folder.glob("fraud-detection-*.tgz"))
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return archive


def helm(*arguments: str, check: bool = True, values: str | None = None) -> str:
    """Returns what helm prints."""
    program = shutil.which("helm")
    assert program, "helm is not in PATH: `make chart-tools` installs it"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, input=values, timeout=400)
    assert not check or done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Release:
    """One release of the chart."""

    def __init__(self, name: str, namespace: Namespace, archive: Path, runtime: str) -> None:
        self.name, self.namespace, self.archive, self.runtime = name, namespace, archive, runtime
        self.driver = DRIVERS[runtime].format(name)
        self.application = f"{name}-detector"

    def apply(self, overlay: str, changes: Object) -> None:
        """Installs or upgrades: a laptop's values, one of the overlays, then the test's own."""
        self._helm("upgrade", "--install", "--timeout", "5m", overlay=overlay, changes=changes)

    def render(self, overlay: str, changes: Object) -> list[Object]:
        """Returns the objects that `apply` would make, those of hooks included."""
        printed = self._helm("template", overlay=overlay, changes=changes)
        return [found for found in yaml.safe_load_all(printed) if found]

    def _helm(self, *command: str, overlay: str, changes: Object) -> str:
        values = [("--values", str(self.archive.parent / "fraud-detection" / f"values-{name}.yaml")) for name in ("dev", overlay)]
        detector = {"sparkConf": QUICK_START, **changes.get("detector", {})}
        return helm(
            *command, self.name, str(self.archive), "--namespace", self.namespace.name,
            *values[0], *values[1], "--values", "-", "--set", f"runtime={self.runtime}",
            values=yaml.safe_dump({**changes, "detector": detector}),
        )  # fmt: skip

    def test(self, check: bool = True) -> str:
        """Returns what `helm test` prints, the logs of its pods included."""
        return helm("test", self.name, "--namespace", self.namespace.name, "--timeout", "6m", check=check)

    def train(self, seconds: float) -> str:
        """Trains now, by the command in the release's notes; returns what the trainer has printed. Nothing else is left of it."""
        notes = helm("get", "notes", self.name, "--namespace", self.namespace.name)
        command = re.search(r"^ +(kubectl .*-train-now.*)$", notes, re.MULTILINE)
        assert command, notes
        subprocess.run(["bash", "-c", command[1]], check=True, timeout=60)  # noqa: S607
        version, kind, resource = RUNS[self.runtime]
        self.namespace.wait(version, kind, f"{self.name}-train-now", _ended, seconds)
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=trainer"
        (pod,) = self.namespace.list("v1", "Pod", selector)
        printed = self.namespace.log(pod["metadata"]["name"])
        self.namespace.kubectl("delete", resource, f"{self.name}-train-now")
        return printed

    @contextmanager
    def models(self) -> Iterator[Callable[[str], str]]:
        """Gives what runs a shell command in the pod in which people look after models, and returns what it printed."""
        name = f"{self.name}-by-hand"
        self.namespace.kubectl("create", "job", name, f"--from=cronjob/{self.name}-models")
        self.namespace.kubectl("wait", "--for=create", "pod", "--selector", f"job-name={name}", "--timeout=60s")
        (pod,) = self.namespace.list("v1", "Pod", f"job-name={name}")
        self.namespace.wait("v1", "Pod", pod["metadata"]["name"], lambda found: found is not None and ready(found), 60)
        yield lambda command: self.namespace.run(pod["metadata"]["name"], "bash", "-c", command)
        self.namespace.kubectl("delete", "job", name)

    def uninstall(self) -> None:
        """Returns once helm says that everything is gone."""
        helm("uninstall", self.name, "--namespace", self.namespace.name, "--wait", "--timeout", "5m", "--ignore-not-found")

    def until_logged(self, pattern: str, seconds: float) -> re.Match[str]:
        """Returns the first match in the driver's log, from its beginning."""
        self.until_running(self.driver, seconds)
        seen = []
        for line in self.namespace.follow(self.driver, seconds):
            if found := re.search(pattern, line):
                return found
            seen.append(line)
        raise AssertionError(f"{self.driver} does not say {pattern!r}: {chr(10).join(seen[-30:])}")

    def until_running(self, pod: str, seconds: float, other_than: str = "") -> Object:
        """Returns a pod once its container runs; with `other_than`, one with another uid and restart count."""

        def runs(found: Object | None) -> bool:
            return found is not None and incarnation(found) != other_than and found["status"].get("phase") == "Running"

        found = self.namespace.wait("v1", "Pod", pod, runs, seconds)
        assert found is not None
        return found

    def restart(self, seconds: float) -> None:
        """Evicts the driver's pod, as `kubectl drain` does; returns once the next one has started its query."""
        before = self.incarnation()
        eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=self.driver, namespace=self.namespace.name))
        self.namespace.core.create_namespaced_pod_eviction(self.driver, self.namespace.name, eviction)
        self.until_running(self.driver, seconds, other_than=before)
        self.until_logged("detector started", seconds)

    def incarnation(self) -> str:
        """Returns what tells this start of the driver from the next; nothing where there is none at the moment."""
        found = self.namespace.get("v1", "Pod", self.driver)
        return incarnation(found) if found else ""

    def incarnations(self) -> set[str]:
        """Returns what tells the detector's pods that run now, executors among them, from others."""
        of_detector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=detector"
        found = self.namespace.list("v1", "Pod", of_detector)
        return {incarnation(pod) for pod in found if pod["status"]["phase"] == "Running"}


def _ended(run: Object | None) -> bool:
    """Returns whether a SparkApplication or a Job has ended."""
    status = (run or {}).get("status") or {}
    state = status.get("applicationState", {}).get("state")
    return state in ("COMPLETED", "FAILED", "SUBMISSION_FAILED") or bool(status.get("succeeded") or status.get("failed"))


def incarnation(pod: Object) -> str:
    """Returns uid and number of restarts of a pod."""
    restarts = sum(status["restartCount"] for status in pod["status"].get("containerStatuses", ()))
    return f"{pod['metadata']['uid']}/{restarts}"
