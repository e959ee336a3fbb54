"""Ten thousand alerts and a notifier that is killed forty times at random; the small one is in tests/local/test_notifying.py."""

from pathlib import Path

import pytest

from configuration import KafkaConnection, TopicNames
from harness.dying_notifier import POINTS
from harness.notifier import NotifierProcess, webhook
from harness.receiving import receiver
from tests.dying import drawn
from tests.notified import killed

KILLS, AT_ONCE = 39, 250


@pytest.mark.timeout(1_800)
def test_ten_thousand_alerts_and_none_is_lost(kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> None:
    chosen = drawn()
    with receiver() as hook:
        notifier = NotifierProcess(kafka, topics, tmp_path, {"cases": webhook(tmp_path, hook, timeout="1s")})
        notifier.begin_at_the_beginning()
        points = [chosen.choice(list(POINTS)) for _ in range(KILLS)]
        # Alerts may come in one read: of those points that each message passes, any number of them counts.
        numbered = [f"{one}:{1 if one.endswith('_add') else chosen.randint(1, AT_ONCE // 2)}" for one in points]
        try:
            killed(notifier, hook, numbered, AT_ONCE)
        finally:
            notifier.kill()
        print(f"{len(hook.inbox.all):,} messages for {(KILLS + 1) * AT_ONCE:,} alerts")
