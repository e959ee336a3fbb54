"""The channels: each is one file with a `send` that returns once a server has taken the message, and raises NotDelivered else."""

from typing import Protocol

from notifier.channels.email import Email
from notifier.channels.mailbox import Mailbox
from notifier.channels.service import Service
from notifier.channels.webhook import Webhook
from notifier.messages import Message
from notifier.settings import ChannelSettings, EmailSettings, MailboxSettings, ServiceSettings, WebhookSettings

__all__ = ["Channel", "channel"]


class Channel(Protocol):
    """A way to somebody."""

    longest_s: float
    """How long a try takes at most, as far as that is known; afterwards it may be made again."""

    def send(self, message: Message) -> None:
        """Returns once a server has taken the message.

        Raises:
            NotDelivered: it has not, or nobody knows.
        """


def channel(name: str, asked: ChannelSettings) -> Channel:
    """Returns the channel of the settings.

    Raises:
        UnusableChannel: a file that it needs cannot be read, or holds nothing of use.
    """
    match asked:
        case EmailSettings():
            return Email(name, asked)
        case ServiceSettings():
            return Service(name, asked)
        case WebhookSettings():
            return Webhook(name, asked)
        case MailboxSettings():
            return Mailbox(asked)
