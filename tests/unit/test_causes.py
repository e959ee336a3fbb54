"""What is said of a failure: its innermost cause in one line, by name where it is known, and no promise where it is not."""

import re

import pytest

from spark_jobs import causes
from spark_jobs.errors import QueryFailed
from spark_jobs.failures import cause, explain

STREAM = "[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: "
PYTHON = (
    "An error occurred while calling o1.start.\n: py4j.Py4JException: An exception was raised by the Python Proxy. Return Message: "
    'Traceback (most recent call last):\n  File "a.py", line 1, in call\n    return f()\n           ^^^\n{}\n\n'
    "\tat py4j.Protocol.getReturnValue(Protocol.java:476)\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PYTHON.format("UnicodeEncodeError: no such letter"), "UnicodeEncodeError: no such letter"),
        (
            PYTHON.format(
                "Py4JJavaError: An error occurred while calling o9.parquet.\n: E: outer\n\tat a.b(C.java:1)\nCaused by: E: inner"
            ),
            "E: inner",
        ),
        ("x: Return Message: Traceback (most recent call last):", "Exception"),
        (f"{STREAM}Job aborted\n\tat a.b(C.java:1)\nCaused by: E: one\n\t... 2 more\nCaused by: E: two\n\t... 3 more", "E: two"),
        (f"{STREAM}E: it\n=== Streaming Query ===\nCaused by a plan\n: of this\n", f"{STREAM}E: it"),
        ("", "Exception"),
    ],
)
def test_the_innermost_cause_is_one_line_and_never_the_head_of_a_trace(text: str, expected: str) -> None:
    assert cause(Exception(text)) == expected


def test_what_is_not_known_is_told_without_a_promise() -> None:
    told = explain(Exception(f"{STREAM}x\n\tat a.b(C.java:1)\nCaused by: java.lang.ArithmeticException: long overflow"), "C", None)
    assert isinstance(told, QueryFailed)
    assert "Spark ended: java.lang.ArithmeticException: long overflow" in str(told)
    assert "Nothing is lost" not in str(told)


def test_no_row_advises_a_new_checkpoint_and_none_is_hidden_by_another() -> None:
    for row in causes.CAUSES:
        re.compile(row.pattern)
        advice = row.advice.lower()
        assert "new `checkpoint`" not in advice
        assert "new folder" not in advice


def test_a_plan_is_no_cause() -> None:
    told = explain(Exception(f"{STREAM}E: it\n=== Streaming Query ===\nFilter (reason = No space left on device)\n"), "C", None)
    assert isinstance(told, QueryFailed)


def test_an_api_server_behind_a_policy_is_told_by_its_real_port() -> None:
    said = "The timeout of 10000 ms has been exceeded when getting a connection to kubernetes.default.svc:443."
    told = str(
        explain(Exception(f"x\n\tat a.b(C.java:1)\nCaused by: io.vertx.core.impl.NoStackTraceTimeoutException: {said}"), "C", None)
    )
    assert "The driver does not reach the API server" in told
    assert "kubectl get endpointslice kubernetes -n default" in told
    assert causes.GOES_ON in told
