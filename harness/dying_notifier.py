"""A notifier that kills itself at a point of its way: `after_send:3` is behind the third message that a receiver has taken.

`python -m harness.dying_notifier` takes the notifier's arguments; NOTIFIER_DIES_AT has the point. The program itself has none.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

from notifier.__main__ import main
from notifier.channels.webhook import Webhook
from notifier.outbox import Outbox

VARIABLE = "NOTIFIER_DIES_AT"


class Point(NamedTuple):
    """A method, and whether it is done when the notifier dies."""

    of: type
    name: str
    when: Literal["before", "after"]


POINTS = {
    "before_add": Point(Outbox, "add", "before"),
    "after_add": Point(Outbox, "add", "after"),
    "before_plan": Point(Outbox, "plan", "before"),
    "after_plan": Point(Outbox, "plan", "after"),
    "before_send": Point(Webhook, "send", "before"),
    "after_send": Point(Webhook, "send", "after"),
    "after_delivered": Point(Outbox, "delivered", "after"),
}


def dying(original: Callable[..., Any], when: str, number: int) -> Callable[..., Any]:
    """Returns the method, which kills the process the so-many-th time that it is called."""
    calls, lock = count(1), threading.Lock()

    def method(*arguments: Any, **named: Any) -> Any:
        with lock:
            is_due = next(calls) == number
        if is_due and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = original(*arguments, **named)
        if is_due:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return method


if __name__ == "__main__":
    name, _, number = os.environ[VARIABLE].partition(":")
    point = POINTS[name]
    with patch.object(point.of, point.name, dying(getattr(point.of, point.name), point.when, int(number or 1))):
        sys.exit(main())
