"""What `fraud up --with` starts beside the broker."""

from configuration import KafkaConnection
from local.errors import UnknownStore
from local.postgres import DATABASE, USER
from local.s3 import BUCKET
from local.state import mail, postgres, prometheus, s3

KNOWN = ("s3", "postgres", "mail", "monitoring")


def start(names: str | None, kafka: KafkaConnection) -> None:
    """Starts the servers of a list with commas, `s3,postgres,mail`; `kafka` is the broker that runs.

    Raises:
        UnknownStore: there is none of a name.
        FraudDetectionError: one does not start.
    """
    wanted = set(names.split(",")) if names else set()
    if unknown := wanted - set(KNOWN):
        raise UnknownStore(f"There is no store {', '.join(sorted(unknown))}", f"Known are {', '.join(KNOWN)}.")
    if "s3" in wanted:
        s3().start()
    if "postgres" in wanted:
        postgres().start()
    if "mail" in wanted:
        mail().start(kafka)
    if "monitoring" in wanted:
        prometheus().start()


def stop() -> None:
    """Stops all of them; their data stay."""
    mail().stop()
    s3().stop()
    postgres().stop()
    prometheus().stop()


def running() -> dict[str, str | None]:
    """Returns where each of them is, None where it does not run."""
    store, database, notifier, watch = s3(), postgres(), mail(), prometheus()
    return {
        "s3": store.endpoint if store.running else None,
        "postgres": database.address if database.running else None,
        "mail": str(notifier.mailbox) if notifier.running else None,
        "prometheus": watch.url if watch.running else None,
    }


def told() -> list[str]:
    """Returns a line for people of each that runs."""
    store, database, watch = s3(), postgres(), prometheus()
    lines = []
    if store.running:
        lines.append(f"S3 runs at {store.endpoint}, bucket {BUCKET}, keys in {store.credentials_dir}")
    if database.running:
        where = f"database {DATABASE}, user {USER}, password in {database.password_file}"
        lines.append(f"PostgreSQL runs at {database.address}, {where}")
    if mail().running:
        lines.append(f"A notifier runs; its mail is in {mail().mailbox}, its metrics at {mail().address}")
    if watch.running:
        lines.append(f"Prometheus runs at {watch.url}; it asks detector, watcher and archiver")
    return lines
