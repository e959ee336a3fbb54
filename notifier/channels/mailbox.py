"""Mail into a folder, for a laptop: real messages, and no server."""

import mailbox

from notifier.channels.email import mail
from notifier.errors import NotDelivered
from notifier.messages import Message
from notifier.settings import MailboxSettings

SENDER, RECIPIENT = "fraud-notifier@localhost", "analyst@localhost"


class Mailbox:
    """A Maildir: a message is a file, which is there whole or not at all."""

    longest_s = 10.0

    def __init__(self, asked: MailboxSettings) -> None:
        self._path = asked.path

    def send(self, message: Message) -> None:
        """Returns once the message is in the folder.

        Raises:
            NotDelivered: the folder takes nothing.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            mailbox.Maildir(self._path).add(mail(message, "mailbox", SENDER, [RECIPIENT]))
        except OSError as error:
            raise NotDelivered(f"the folder takes nothing: {error.strerror}") from None
