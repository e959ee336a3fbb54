"""How `fraud` starts the programs of the project: in its place, and with the laptop's servers as their defaults."""

import json
import os
import sys

from local.errors import NotRunning
from local.prometheus import PORTS
from local.state import broker, models_folder, postgres, prometheus, s3


def address() -> str:
    """Returns where the laptop's broker is.

    Raises:
        NotRunning: it does not run.
    """
    one = broker()
    if not one.running:
        raise NotRunning("The broker does not run", "Start it: `fraud up`.")
    return one.address


def chosen(arguments: list[str], *options: str) -> bool:
    """Returns whether a settings file, or one of the options, says it already."""
    return "FRAUD_CONFIG" in os.environ or any(one.startswith(("--config", *options)) for one in arguments)


def know_broker(arguments: list[str]) -> None:
    """Makes the laptop's broker the default of a program that is started from here; a settings file wins."""
    if not chosen(arguments, "--kafka", "--help", "-h"):
        os.environ.setdefault("FRAUD_KAFKA__BOOTSTRAP_SERVERS", address())


def know_models(variable: str, arguments: list[str]) -> None:
    """Makes the laptop's model store the default of a program that is started from here; a settings file wins."""
    if not chosen(arguments):
        os.environ.setdefault(variable, str(models_folder()))


def know_s3() -> None:
    """Makes the laptop's S3 server, where it runs, the default of a program that is started from here."""
    store = s3()
    if store.running:
        for name, value in store.settings.items():
            os.environ.setdefault(f"FRAUD_S3__{name.upper()}", str(value))


def know_postgres(arguments: list[str]) -> None:
    """Makes the laptop's database, where it runs, a sink of an archiver, beside the folder `lake`; a settings file wins.

    A model's health is kept there too.
    """
    database = postgres()
    if database.running and not chosen(arguments, "--sinks", "--postgres", "--help", "-h"):
        sinks = {"lake": {"type": "parquet", "path": "lake"}, "database": {"type": "postgres", **database.settings}}
        os.environ.setdefault("FRAUD_SINKS", json.dumps(sinks))
        os.environ.setdefault("FRAUD_POSTGRES", json.dumps(database.settings))


def know_prometheus(program: str, arguments: list[str]) -> None:
    """Lets a program that is started from here serve its metrics where the laptop's Prometheus, if it runs, asks for them."""
    if prometheus().running and not chosen(arguments, "--metrics", "--help", "-h"):
        os.environ.setdefault("FRAUD_METRICS__PORT", str(PORTS[program]))


def become(module: str, *arguments: str) -> None:
    """Replaces this process, so that signals reach the program itself."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 no shell is wanted
