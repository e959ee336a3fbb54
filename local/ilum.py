"""`fraud ilum`: hands the detector to Ilum's REST API, as the chart with `runtime: ilum` describes it.

The contract is that of Ilum's published API, version 1.5.3: `POST /api/v1/job/submit`, multipart/form-data. A job's state is polled
until it runs or has ended.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import requests
import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from rich.console import Console

from local.errors import IlumRefused, IlumUnreachable, JobEnded, NothingToSubmit

app = typer.Typer(no_args_is_help=True, help="Submit the detector to Ilum.")
out = Console(highlight=False, soft_wrap=True, markup=False)

TIMEOUT_S = 30.0
POLL_S = 2.0
RUNNING = ("READY", "BUSY")
ENDED = ("FAILED", "CANCELED", "FINISHED")
START_S = 300.0
"""How long a job may take to start before this program stops looking: a first pull of the image takes minutes."""

RENDER = "`helm template RELEASE charts/fraud-detection --set runtime=ilum` prints them."


class Submission(BaseModel):
    """The text fields of a job, as the chart writes them into submit.json. Ilum splits args and jobConfig at each `;`."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    name: str = Field(min_length=1)
    clusterName: str = Field(min_length=1)  # noqa: N815 Ilum's names
    language: str = Field(pattern="^(SCALA|PYTHON)$")
    jobClass: str = Field(min_length=1)  # noqa: N815
    args: str
    jobConfig: str  # noqa: N815
    maxRetries: str = Field(pattern="^[0-9]+$")  # noqa: N815

    @field_validator("jobConfig")
    @classmethod
    def _pairs(cls, value: str) -> str:
        if broken := [pair for pair in value.split(";") if "=" not in pair]:
            raise ValueError(f"`{broken[0]}` is no `key=value`; a value must not contain `;`, Ilum splits there")
        return value


class Job(NamedTuple):
    """What is sent: the fields, and the files that the job's arguments name."""

    fields: Submission
    files: dict[str, str]


@app.command()
def submit(
    manifests: Annotated[Path, typer.Argument(help=f"File with the chart's ConfigMaps, or - for standard input. {RENDER}")],
    url: Annotated[str, typer.Option(envvar="ILUM_URL", help="Where Ilum's core listens.")] = "http://127.0.0.1:9888",
    token_file: Annotated[
        Path | None,
        typer.Option(envvar="ILUM_TOKEN_FILE", help="File with a bearer token; or the token itself in the variable ILUM_TOKEN."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Submit the detector, and wait until it runs."""
    job = read_job(_read(manifests))
    ilum = Ilum(url, _token(token_file))
    if not as_json:
        out.print(f"{job.fields.name} to {url}, with {', '.join(job.files)}")
    job_id = ilum.submit(job)
    state = "SUBMITTED"
    for state in ilum.states(job_id):
        if not as_json:
            out.print(f"{job_id} {state}")
    if as_json:
        out.print_json(data={"jobId": job_id, "state": state, "url": ilum.url(job_id)})
    else:
        out.print(f"State: {ilum.url(job_id)}\nLog:   {ilum.url(job_id)}/logs")


def read_job(text: str) -> Job:
    """Returns the job that rendered manifests, or `kubectl get configmaps --output yaml`, describe.

    Raises:
        NothingToSubmit: they hold no job, several, or one that Ilum would misread.
    """
    try:
        objects = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except yaml.YAMLError:
        raise NothingToSubmit("The manifests are not YAML", RENDER) from None
    maps = {
        one["metadata"]["name"]: one.get("data") or {}
        for listed in objects
        for one in listed.get("items", [listed])
        if one.get("kind") == "ConfigMap"
    }
    jobs = [data["submit.json"] for data in maps.values() if "submit.json" in data]
    if len(jobs) != 1:
        raise NothingToSubmit(f"The manifests hold {len(jobs) or 'no'} ConfigMaps with a submit.json; one is needed", RENDER)
    fields = _fields(jobs[0])
    known = maps.get(fields.name, {})
    files = {one: known[one] for one in fields.args.split(";") if one in known}
    if not files:
        raise NothingToSubmit(
            f"The manifests have no ConfigMap {fields.name} with a file that the arguments name ({fields.args})", RENDER
        )
    return Job(fields, files)


class Ilum:
    """Ilum's REST API. A token is sent as bearer; the published API names no way to log in, so check yours."""

    def __init__(self, url: str, token: str | None) -> None:
        self._api = f"{url.rstrip('/')}/api/v1/job"
        self._session = requests.Session()
        self._session.auth = _Bearer(token) if token else None

    def url(self, job_id: str) -> str:
        """Returns where a job's state can be read; `/logs` behind it are its logs."""
        return f"{self._api}/{job_id}"

    def submit(self, job: Job) -> str:
        """Returns the id under which Ilum has taken the job.

        Raises:
            IlumUnreachable: nothing answers.
            IlumRefused: it answers, and does not take the job.
        """
        parts: list[tuple[str, tuple[str | None, str]]] = [
            *((name, (None, value)) for name, value in job.fields.model_dump().items()),
            *(("files", (name, text)) for name, text in job.files.items()),
        ]
        return str(self._ask("POST", f"{self._api}/submit", "jobId", files=parts)["jobId"])

    def states(self, job_id: str) -> Iterator[str]:
        """Gives each new state of a job until it runs, or has finished, or has taken five minutes to start.

        Raises:
            JobEnded: it failed, or was cancelled.
        """
        last = None
        until = time.monotonic() + START_S
        while last not in (*RUNNING, *ENDED) and time.monotonic() < until:
            if last is not None:
                time.sleep(POLL_S)
            found = self._ask("GET", self.url(job_id), "state")
            if found["state"] != last:
                last = str(found["state"])
                yield last
        if last in ("FAILED", "CANCELED"):
            why = _line(found.get("error") or "no reason is given")
            raise JobEnded(f"Ilum's job {job_id} is {last}: {why}", f"Its log: {self.url(job_id)}/logs.")

    def _ask(self, method: str, url: str, key: str, **content: Any) -> dict[str, Any]:
        """Returns the answer, a JSON object that has `key`."""
        try:
            response = self._session.request(method, url, timeout=TIMEOUT_S, allow_redirects=False, **content)
        except requests.RequestException as error:
            raise IlumUnreachable(
                f"Ilum does not answer at {url} ({_line(error)})",
                "Check --url; from outside the cluster: `kubectl port-forward service/ilum-core 9888`.",
            ) from None
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        told = answer if isinstance(answer, dict) else {}
        if response.status_code != 200:
            said = _line(told.get("message") or response.reason)
            raise IlumRefused(f"Ilum answers {response.status_code}: {said}", ADVICE.get(response.status_code, "See Ilum's log."))
        if key not in told:
            raise IlumRefused(f"{url} answers without {key}", "Check --url: it must be Ilum's core, not its user interface.")
        return told


ADVICE = {
    401: "Give a token: --token-file, or ILUM_TOKEN.",
    402: "Ilum's licence has expired: renew it there.",
    403: "The token may not do this.",
    404: "Check that Ilum knows the cluster (clusterName in submit.json), and --url.",
    409: "Ilum found a field of submit.json wrong; if the chart wrote it, report it.",
}


class _Bearer(requests.auth.AuthBase):
    """A header of the session's would lose against the user's .netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _fields(text: str) -> Submission:
    try:
        return Submission.model_validate_json(text)
    except ValidationError as error:
        said = (f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise NothingToSubmit(f"submit.json is wrong: {'; '.join(said)}", RENDER) from None


def _read(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise NothingToSubmit(f"{file} cannot be read: {getattr(error, 'strerror', 'it is no text')}", RENDER) from None


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get("ILUM_TOKEN")
    try:
        return file.read_text().strip()
    except OSError as error:
        raise NothingToSubmit(f"The token file {file} cannot be read: {error.strerror}", "Check --token-file.") from None


def _line(text: object) -> str:
    return " ".join(str(text).split())[:300]
