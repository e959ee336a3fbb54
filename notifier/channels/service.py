"""Chats, pagers and telephones, by Apprise, which knows some 170 services by their URLs."""

from apprise import Apprise, NotifyBase, NotifyType
from apprise.plugins.email import NotifyEmail

from notifier.channels.secret_files import read_secret
from notifier.errors import NotDelivered, UnusableChannel
from notifier.messages import Message, body, subject
from notifier.settings import ServiceSettings


class Service:
    """A service. Apprise tells whether it has taken a message, and not why it has not."""

    def __init__(self, name: str, asked: ServiceSettings) -> None:
        self._name, self._asked = name, asked
        self._timeout_s = asked.timeout.total_seconds()
        self.longest_s = 6 * self._timeout_s
        self.url: str = self._service().url(privacy=True)  # type: ignore[no-untyped-call]
        """The service's URL without its secrets, for logs."""

    def send(self, message: Message) -> None:
        """Returns once the service has taken the message.

        Raises:
            NotDelivered: it has not, or has not said so in time.
        """
        try:
            service = self._service()
        except UnusableChannel as error:
            raise NotDelivered(error.what) from None
        if hasattr(service, "dedup"):  # PagerDuty and others: a repeat is known by it, and an update joins its incident
            service.dedup = message.thread
        kind = NotifyType.INFO if message.kind == "test" else NotifyType.WARNING
        if not service.notify(body=body(message), title=subject(message), notify_type=kind):
            raise NotDelivered("the service has not taken it")

    def _service(self) -> NotifyBase:
        """Returns the service anew: the one before would wait for seconds between two messages, as Apprise is polite by itself.

        How many messages a service gets is what `max_per_minute` is for.
        """
        url = read_secret(self._name, self._asked.url_file)
        service = Apprise.instantiate(url)
        if service is None:
            raise UnusableChannel(
                f"Channel {self._name}: {self._asked.url_file} holds no URL that Apprise knows",
                "Write the service's URL into it, such as slack://TOKEN_A/TOKEN_B/TOKEN_C: https://appriseit.com/services.",
            )
        if isinstance(service, NotifyEmail):
            raise UnusableChannel(
                f"Channel {self._name} is e-mail", "Use type email: each try of a message has the same Message-ID there."
            )
        service.socket_connect_timeout = service.socket_read_timeout = self._timeout_s
        return service
