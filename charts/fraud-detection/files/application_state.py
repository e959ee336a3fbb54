"""Part of `helm test`: says whether a SparkApplication (Kubeflow) runs. `application_state.py NAMESPACE NAME SECONDS`."""

import json
import ssl
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc/apis/sparkoperator.k8s.io/v1beta2/namespaces"
BROKEN = ("FAILING", "FAILED", "SUBMISSION_FAILED")
"""PENDING_RERUN is none of them: every changed setting leads through it."""


def states(namespace: str, name: str, seconds: int) -> Iterator[tuple[str, str]]:
    """Yields state and error message, now and at each change, until the time is over."""
    query = urllib.parse.urlencode({"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": seconds})
    token = (ACCOUNT / "token").read_text()
    request = urllib.request.Request(  # noqa: S310 the API server's address is a constant
        f"{API}/{namespace}/sparkapplications?{query}", headers={"Authorization": f"Bearer {token}"}
    )
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=seconds + 10, context=context) as events:  # noqa: S310
        for event in events:
            status: dict[str, Any] = json.loads(event)["object"].get("status", {})
            found = status.get("applicationState", {})
            yield found.get("state", ""), found.get("errorMessage", "")


def main(namespace: str, name: str, seconds: str) -> int:
    """Returns 0 once the application runs, 1 where it fails or does not run in time."""
    last = "no state: does the operator serve this namespace?"
    for state, message in states(namespace, name, int(seconds)):
        if state == "RUNNING":
            sys.stdout.write(f"{name} is running\n")
            return 0
        last = f"{state} {message}".strip() or last
        if state in BROKEN:
            break
    sys.stderr.write(f"error: {name} does not run: {last}. See `kubectl describe sparkapplication {name} -n {namespace}`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
