"""A notifier that is killed again and again; afterwards its receiver has every alert, and repeats are the same messages."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from harness.dying_notifier import VARIABLE
from harness.notifier import KEY, NotifierProcess
from harness.receiving import Got, Receiver
from notifier.outbox import Outbox
from notifier.settings import NotifierSettings
from tests.outboxes import warned


def verified(got: Got) -> bool:
    """Returns whether a signature is right, by the standard's own words and not by the library that made it."""
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return got.headers["webhook-signature"] == f"v1,{expected}"


def killed(notifier: NotifierProcess, hook: Receiver, points: Iterable[str], at_once: int) -> None:
    """Kills it at each of the points, and once amid a request, with new alerts before each; then lets it end its work."""
    total, kills = 0, 1

    def pay() -> None:
        nonlocal total
        notifier.alert([warned(number, f"card-{number % 50}") for number in range(total, total + at_once)])
        total += at_once

    for point in points:
        pay()
        notifier.start("harness.dying_notifier", **{VARIABLE: point})
        assert notifier.wait() < 0, f"it did not die at {point}: {notifier.said}"
        kills += 1
    pay()
    hook.answers = lambda _: notifier.send_kill() or 204
    notifier.start()
    assert notifier.wait() < 0
    hook.answers = lambda _: 204
    notifier.start()
    hook.inbox.until(lambda found: len({one.id for one in found}) == total)
    outbox = Outbox(NotifierSettings.model_validate(notifier.settings).outbox)
    notifier.until(lambda: outbox.count("cases")[:3] == (0, 0, None))  # repeats are owed until their leases are over
    outbox.close()
    assert notifier.stop() == 0, notifier.said
    bodies = {(one.id, one.body) for one in hook.inbox.all}
    assert all(map(verified, hook.inbox.all))
    assert len(bodies) == len(hook.alerts) == total, "a repeat is the same message"
    failed = sum("not delivered" in line for line in notifier.said)
    assert len(hook.inbox.all) - total <= kills + failed, "each kill may leave one message of which nobody knows, and no more"
