"""`fraud ilum submit` against a stub of Ilum (tests/ilum.py says why a stub): what the chart renders is what Ilum gets."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from click.testing import Result
from typer.testing import CliRunner

from charts.render import EXAMPLES
from configuration import FraudDetectionError
from local import ilum
from local.cli import app
from spark_jobs.settings import DetectorSettings
from tests.ilum import JOB_ID, IlumStub, ilum_stub

RENDERED = EXAMPLES / "ilum" / "rendered.yaml"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[IlumStub]:
    monkeypatch.setattr(ilum, "POLL_S", 0)
    for name in ("ILUM_URL", "ILUM_TOKEN", "ILUM_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with ilum_stub() as one:
        monkeypatch.setenv("ILUM_URL", one.url)
        yield one


def submit(*arguments: str, manifests: str | None = None) -> Result:
    return CliRunner().invoke(app, ["ilum", "submit", "-" if manifests else str(RENDERED), *arguments], input=manifests)


def refused(done: Result) -> str:
    assert isinstance(done.exception, FraudDetectionError), done.output
    assert "\n" not in str(done.exception)
    return str(done.exception)


def config_maps(**changes: Any) -> list[dict[str, Any]]:
    """The two ConfigMaps that describe the job, with changed fields; None takes a field away."""
    found = [one for one in yaml.safe_load_all(RENDERED.read_text()) if one and one["metadata"]["name"] in NAMES]
    data = found[1]["data"]
    fields = json.loads(data["submit.json"]) | changes
    data["submit.json"] = json.dumps({name: value for name, value in fields.items() if value is not None})
    return found


NAMES = ("fraud-detector", "fraud-ilum")


def test_ilum_gets_what_the_chart_renders(stub: IlumStub, home: Path) -> None:
    detector, job = (one["data"] for one in config_maps())
    done = submit()
    assert done.exit_code == 0, done.output
    expected = json.loads(job["submit.json"])
    assert stub.fields == {name: str(value) for name, value in expected.items()}
    assert [(field, name) for field, name, _ in stub.files] == [("files", "detector.yaml")]
    assert stub.files[0][2].decode() == detector["detector.yaml"]

    # The driver finds the file in its working folder, under the name that its arguments have.
    (home / "detector.yaml").write_bytes(stub.files[0][2])
    assert DetectorSettings.load(stub.fields["args"].split(";"), "test").rules
    conf = dict(pair.split("=", 1) for pair in stub.fields["jobConfig"].split(";"))
    assert conf["spark.kubernetes.container.image"].startswith("localhost/fraud-detection/spark:")


def test_manifests_may_come_from_the_cluster(stub: IlumStub) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": config_maps()}
    assert submit(manifests=yaml.safe_dump(listed)).exit_code == 0
    assert stub.fields["name"] == "fraud-detector"
    assert stub.files


def test_progress_is_told_until_the_job_runs(stub: IlumStub) -> None:
    stub.states = [{"state": one} for one in ("SUBMITTED", "SUBMITTED", "STARTING", "BUSY", "FAILED")]
    told = submit().output.splitlines()
    assert told == [
        f"fraud-detector to {stub.url}, with detector.yaml",
        *(f"{JOB_ID} {state}" for state in ("SUBMITTED", "STARTING", "BUSY")),
        f"State: {stub.url}/api/v1/job/{JOB_ID}",
        f"Log:   {stub.url}/api/v1/job/{JOB_ID}/logs",
    ]


def test_json_is_all_that_a_script_reads(stub: IlumStub) -> None:
    stub.states = [{"state": "STARTING"}, {"state": "BUSY"}]
    done = submit("--json")
    assert json.loads(done.stdout) == {"jobId": JOB_ID, "state": "BUSY", "url": f"{stub.url}/api/v1/job/{JOB_ID}"}


def test_a_job_that_fails_says_why(stub: IlumStub) -> None:
    stub.states = [{"state": "STARTING"}, {"state": "FAILED", "error": "image\n  not found"}]
    assert f"Ilum's job {JOB_ID} is FAILED: image not found. Its log: {stub.url}" in refused(submit())


@pytest.mark.parametrize("way", ["file", "variable"])
def test_the_token_is_sent_and_never_shown(stub: IlumStub, way: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.token = "s3cret"  # noqa: S105 not a real one
    (home / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    assert "401: Unauthorized. Give a token: --token-file, or ILUM_TOKEN" in refused(submit())

    def hand_over(token: str) -> list[str]:
        if way == "variable":
            monkeypatch.setenv("ILUM_TOKEN", token)
            return []
        (home / "token").write_text(f"{token}\n")
        return ["--token-file", str(home / "token")]

    wrong = submit(*hand_over("wr0ng"))
    assert "wr0ng" not in refused(wrong) + wrong.output
    right = submit(*hand_over("s3cret"))
    assert right.exit_code == 0, right.exception
    assert "s3cret" not in right.output


def test_a_token_file_that_is_not_there(stub: IlumStub) -> None:
    assert "token file nowhere cannot be read" in refused(submit("--token-file", "nowhere"))
    assert stub.submissions == 0


def test_ilum_does_not_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert f"Ilum does not answer at {url}" in refused(submit("--url", url))
    assert "Ilum does not answer at nonsense" in refused(submit("--url", "nonsense"))


def test_something_else_answers(stub: IlumStub) -> None:
    assert "404: No POST /ui/api/v1/job/submit" in refused(submit("--url", f"{stub.url}/ui"))


def test_ilums_own_refusals_are_told(stub: IlumStub) -> None:
    stub.clusters = {"other"}
    assert "404: Cluster default does not exist. Check that Ilum knows the cluster" in refused(submit())
    stub.licensed = False
    assert "402: License expired" in refused(submit())


WRONG = {
    "a value with a semicolon": ({"jobConfig": "spark.a=1;2"}, "jobConfig: `2` is no `key=value`; a value must not contain `;`"),
    "a semicolon at the end": ({"jobConfig": "spark.a=1;"}, "jobConfig: `` is no `key=value`"),
    "a field that Ilum does not know": ({"replicas": "2"}, "replicas: Extra inputs are not permitted"),
    "no cluster": ({"clusterName": None}, "clusterName: Field required"),
    "an empty name": ({"name": ""}, "name: String should have at least 1 character"),
    "a language of another kind": ({"language": "R"}, "language: String should match"),
    "arguments that name no file": ({"args": "--config;other.yaml"}, "no ConfigMap fraud-detector with a file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_ilum_would_misread_is_not_sent(stub: IlumStub, name: str) -> None:
    changes, said = WRONG[name]
    assert said in refused(submit(manifests=yaml.safe_dump_all(config_maps(**changes))))
    assert stub.submissions == 0


@pytest.mark.parametrize(
    ("manifests", "said"),
    [
        ("{", "not YAML"),
        ("kind: Secret\nmetadata: {name: a}", "hold no ConfigMaps with a submit.json"),
        (yaml.safe_dump_all([*config_maps()[1:], {**config_maps()[1], "metadata": {"name": "b"}}]), "hold 2 ConfigMaps"),
        (yaml.safe_dump_all(config_maps()[1:]), "no ConfigMap fraud-detector"),
    ],
)
def test_manifests_that_describe_no_job(manifests: str, said: str) -> None:
    assert said in refused(submit(manifests=manifests))


def test_a_file_that_is_not_there_ends_in_one_paragraph() -> None:
    fraud = Path(sys.executable).parent / "fraud"
    done = subprocess.run([fraud, "ilum", "submit", "nowhere.yaml"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nowhere.yaml cannot be read: No such file or directory.")
    assert done.stderr.count("\n") == 1


GOOD = {"name": "n", "clusterName": "default"}


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (200, {**GOOD, "args": "a;b", "jobConfig": "a=b=c;d=", "maxRetries": "3", "language": "PYTHON"}),
        (409, {"clusterName": "default"}),
        (409, {"name": "n"}),
        (404, {**GOOD, "clusterName": "other"}),
        (409, {**GOOD, "image": "x"}),
        (409, {**GOOD, "files": "text"}),
        (409, {**GOOD, "args": "a;;b"}),
        (409, {**GOOD, "jobConfig": "a=b;c"}),
        (409, {**GOOD, "jobConfig": "a=b; c=d"}),
        (409, {**GOOD, "maxRetries": "many"}),
        (409, {**GOOD, "language": "python"}),
    ],
)
def test_the_stub_is_as_strict_as_the_contract(stub: IlumStub, status: int, fields: dict[str, str]) -> None:
    address = f"{stub.url}/api/v1/job/submit"
    sent = requests.post(address, files=[(name, (None, value)) for name, value in fields.items()], timeout=5)
    assert sent.status_code == status, sent.text
    assert requests.post(address, data=fields, timeout=5).status_code == 415, "urlencoded is no multipart"
