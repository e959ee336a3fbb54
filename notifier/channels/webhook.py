"""A signed POST, by the rules of Standard Webhooks (https://www.standardwebhooks.com)."""

import json
from datetime import UTC, datetime

import requests
from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as Signer

from notifier.channels.secret_files import read_secret
from notifier.errors import NotDelivered, UnusableChannel
from notifier.messages import Message
from notifier.settings import WebhookSettings

TYPES = {"alert": "fraud.alert", "update": "fraud.alert.update", "digest": "fraud.alert.digest", "test": "fraud.test"}
GONE = 410


class Webhook:
    """A receiver. Its answer counts by its status alone, and is not read."""

    def __init__(self, name: str, asked: WebhookSettings) -> None:
        self._name, self._asked = name, asked
        self._timeout_s = asked.timeout.total_seconds()
        self.longest_s = 3 * self._timeout_s  # to connect, to send, to wait for the answer
        self._session = requests.Session()
        self._secrets()

    def send(self, message: Message) -> None:
        """Returns once the receiver has answered with 2xx.

        Raises:
            NotDelivered: it has not. One that answers 410 is gone. One that has not answered in time may have the message.
        """
        text = payload(message)
        try:
            url, signer = self._secrets()
            now = datetime.now(UTC)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "fraud-notifier",
                "webhook-id": message.id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signer.sign(message.id, now, text),
            }
            with self._session.post(
                url, text.encode(), headers=headers, timeout=self._timeout_s, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
        except UnusableChannel as error:
            raise NotDelivered(error.what) from None
        except requests.RequestException as error:
            raise NotDelivered(type(error).__name__) from None  # its text has the URL
        if not 200 <= status < 300:
            raise NotDelivered(f"HTTP {status}", gone=status == GONE)

    def _secrets(self) -> tuple[str, Signer]:
        url = read_secret(self._name, self._asked.url_file)
        if not url.startswith(("https://", "http://")):
            raise UnusableChannel(
                f"Channel {self._name}: {self._asked.url_file} holds no URL of http or https", "Write the receiver's URL into it."
            )
        try:
            return url, Signer(read_secret(self._name, self._asked.secret_file))
        except (ValueError, RuntimeError, EmptyWebhookSecretError):
            raise UnusableChannel(
                f"Channel {self._name}: {self._asked.secret_file} holds no secret",
                "Write `whsec_` and 24 to 64 random bytes in base64 into it, as docs/how-to/notify.md shows.",
            ) from None


def payload(message: Message) -> str:
    """Returns the JSON text of a message, the same at every try."""
    alerts = [one.facts() for one in message.notices]
    data = {"message_id": message.id, "thread": message.thread, "alerts": alerts}
    made_at = message.made_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": TYPES[message.kind], "timestamp": made_at, "data": data}, separators=(",", ":"))
