"""What `fraud up --with` starts beside the broker: stores, and a Prometheus."""

from local.errors import UnknownStore
from local.postgres import DATABASE, USER
from local.s3 import BUCKET
from local.state import postgres, prometheus, s3

KNOWN = ("s3", "postgres", "monitoring")


def start(names: str | None) -> None:
    """Starts those of a list with commas, `s3,postgres`.

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
    if "monitoring" in wanted:
        prometheus().start()


def stop() -> None:
    """Stops all of them; their data stay."""
    s3().stop()
    postgres().stop()
    prometheus().stop()


def running() -> dict[str, str | None]:
    """Returns where each of them is, None where it does not run."""
    store, database, watch = s3(), postgres(), prometheus()
    return {
        "s3": store.endpoint if store.running else None,
        "postgres": database.address if database.running else None,
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
    if watch.running:
        lines.append(f"Prometheus runs at {watch.url}; it asks detector, watcher and archiver")
    return lines
