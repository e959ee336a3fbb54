"""Where the laptop's programs keep what they know: `.fraud` in the current folder, or FRAUD_HOME."""

import os
from pathlib import Path

from local.broker import Broker


def home() -> Path:
    """Returns the state folder, which may not exist yet."""
    return Path(os.environ.get("FRAUD_HOME") or ".fraud").absolute()


def broker() -> Broker:
    """Returns the laptop's broker, running or not."""
    return Broker(home() / "kafka")
