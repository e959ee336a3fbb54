"""Where the laptop's programs keep what they know: `.fraud` in the current folder, or FRAUD_HOME."""

import os
from pathlib import Path

from local.broker import Broker
from local.mail import Mail
from local.postgres import PostgresServer
from local.prometheus import PrometheusServer
from local.s3 import S3Server


def home() -> Path:
    """Returns the state folder, which may not exist yet."""
    return Path(os.environ.get("FRAUD_HOME") or ".fraud").absolute()


def models_folder() -> Path:
    """Returns the laptop's model store, a folder that may not exist yet."""
    return home() / "models"


def broker() -> Broker:
    """Returns the laptop's broker, running or not."""
    return Broker(home() / "kafka")


def s3() -> S3Server:
    """Returns the laptop's S3 server, running or not."""
    return S3Server(home() / "s3")


def postgres() -> PostgresServer:
    """Returns the laptop's database server, running or not."""
    return PostgresServer(home() / "postgres")


def mail() -> Mail:
    """Returns the laptop's notifier, running or not."""
    return Mail(home() / "mail")


def prometheus() -> PrometheusServer:
    """Returns the laptop's Prometheus, running or not."""
    return PrometheusServer(home() / "prometheus")
