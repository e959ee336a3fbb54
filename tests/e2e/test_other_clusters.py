"""The chart on clusters with quotas, taints, sidecars, users or ports of their own: installed, alerting, tested, upgraded, gone."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import others
from tests.e2e.cluster import Namespace, Object
from tests.e2e.kafka import Broker, named
from tests.e2e.release import Release, helm
from tests.e2e.test_lifecycle import FIRST_ALERT_S, START_S, rules

needs_admission = pytest.mark.skipif(
    not others.ADMISSION.is_file(),
    reason="CLUSTER names no test cluster with tests/admission.py: a kind cluster admits every pod as it is",
)
OTHERS: dict[str, tuple[Any, Object]] = {
    "quota": (others.quota, {"pod": {"cpuLimit": "1"}}),
    "taint": (others.taint, {"pod": {"tolerations": [{"key": "dedicated", "value": "fraud", "effect": "NoSchedule"}]}}),
    "sidecars": (others.sidecars, {}),
    "uids": (others.uid_range, {"openshift": True}),
    "ports": (others.ports, {"networkPolicy": {"dns": {"ports": [5353]}}}),
}
ADMITTED = ("sidecars", "uids")


@pytest.mark.parametrize(
    ("other", "runtime"),
    [
        pytest.param(other, runtime, marks=needs_admission if other in ADMITTED else ())
        for other in OTHERS
        for runtime in ("kubeflow", "none")
    ],
)
def test_it_installs_alerts_is_tested_upgraded_and_gone(
    other: str, runtime: str, release: Callable[[str, str], Release], namespace: Namespace, broker: Broker, tmp_path: Path
) -> None:
    play, values = OTHERS[other]
    made = release(f"{other}-{runtime}", runtime)
    _, names = named(made.name)
    before = namespace.everything()
    there: AbstractContextManager[None] = play(namespace, tmp_path)
    with there:
        try:
            made.apply("console", {"topics": {"names": names}, **values})
            made.until_logged(r"^Fraud transaction detected => ", FIRST_ALERT_S)
            assert "alert after" in made.test()
            driver = made.incarnation()
            made.apply("console", {"topics": {"names": names}, **values, "detector": rules("amount > 100")})
            made.until_running(made.driver, START_S, other_than=driver)
            made.until_logged("detector started", START_S)
        finally:
            made.uninstall()
        namespace.until_only(before | {f"PersistentVolumeClaim/{made.name}-checkpoint"}, 120)


def test_a_quota_that_takes_no_pod_is_named_at_once(
    release: Callable[[str, str], Release], namespace: Namespace, tmp_path: Path
) -> None:
    made = release("unlimited", "kubeflow")
    with others.quota(namespace, tmp_path):
        said = helm("upgrade", "--install", made.name, str(made.archive), "--namespace", namespace.name, check=False)
    assert "has the quota others on limits.cpu, which takes no pod without a limit. Set pod.cpuLimit" in said
