"""E-mail, by Python's own client.

Apprise would send mail too, but gives each try another Message-ID, by which a mailbox cannot know a repeat, and waits 5.5 seconds
between two.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

import structlog

from notifier.channels.secret_files import read_secret
from notifier.errors import NotDelivered, UnusableChannel
from notifier.messages import Message, body, subject
from notifier.settings import EmailSettings

PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""RFC 6409, RFC 8314 and RFC 5321."""
PERMANENT = 500
"""From here on an SMTP code says that a further try is of no use (RFC 5321, 4.2.1)."""
ANSWERS = 8
"""A mail takes so many answers of the server at the least: greeting, EHLO twice, STARTTLS, AUTH, MAIL, RCPT, DATA."""
OURSELVES = "[127.0.0.1]"
"""In EHLO, as Python's client itself writes it where a machine has no name: to ask for the name may take seconds."""
log = structlog.get_logger()


class Email:
    """A server, and who gets mail through it."""

    def __init__(self, name: str, asked: EmailSettings) -> None:
        self._name, self._asked = name, asked
        self._timeout_s = asked.timeout.total_seconds()
        self.longest_s = (ANSWERS + len(asked.recipients)) * self._timeout_s
        self._password()

    def send(self, message: Message) -> None:
        """Returns once the server has taken the mail for all recipients.

        Raises:
            NotDelivered: it has not, or asks to try some recipients later, or has not said so in time: then it may have been
                delivered. Recipients that it refuses for good beside others that it takes are told in the log: a further try would
                only send the others the same mail again.
        """
        asked = self._asked
        try:
            with self._connected() as server:
                if asked.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if asked.username is not None:
                    server.login(asked.username, self._password() or "")
                refused = server.send_message(mail(message, self._name, asked.sender, asked.recipients))
        except UnusableChannel as error:
            raise NotDelivered(error.what) from None
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(f"SMTP {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused as error:
            raise NotDelivered(_refused(error.recipients)) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(type(error).__name__) from None
        if any(code < PERMANENT for code, _ in refused.values()):
            raise NotDelivered(_refused(refused))
        if refused:
            log.error("the mail server refuses recipients for good", channel=self._name, message=message.id, why=_refused(refused))

    def _connected(self) -> smtplib.SMTP:
        asked = self._asked
        port = asked.port or PORTS[asked.security]
        if asked.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(asked.host, port, OURSELVES, timeout=self._timeout_s, context=context)
        return smtplib.SMTP(asked.host, port, OURSELVES, timeout=self._timeout_s)

    def _password(self) -> str | None:
        file = self._asked.password_file
        return None if file is None else read_secret(self._name, file)


def mail(message: Message, channel: str, sender: str, recipients: list[str]) -> EmailMessage:
    """Returns the mail, the same at every try. Updates are shown below the mail that they continue."""
    found = EmailMessage()
    found["Message-ID"] = _id(message.id, channel, sender)
    if message.thread != message.id:
        found["In-Reply-To"] = found["References"] = _id(message.thread, channel, sender)
    found["Date"] = format_datetime(message.made_at)
    found["From"], found["To"] = sender, ", ".join(recipients)
    found["Subject"] = subject(message)
    found["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of a machine, please
    found.set_content(body(message))
    return found


def _id(message_id: str, channel: str, sender: str) -> str:
    return f"<{message_id}.{channel}@{sender.rpartition('@')[2]}>"


def _refused(recipients: dict[str, tuple[int, bytes]]) -> str:
    codes = sorted({code for code, _ in recipients.values()})
    return f"SMTP {', '.join(map(str, codes))} for {len(recipients)} of the recipients"
