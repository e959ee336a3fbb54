"""Real-time mode plans once a checkpoint, and all waits for it: planning is made quick before the first one comes.

Java interprets what it has run a few times only. A plan takes 0.3 to 0.7 s then, and a tenth of a second once it was made fifty
times (docs/adr/0012). With checkpoints minutes apart that would be hours. Where they are seconds apart the stream itself has
planned as often within minutes.
"""

import threading
from datetime import timedelta
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame

PLANS = 60
PAUSE_S = 1.0
"""Between two plans: the stream needs the processors more."""
APART = timedelta(seconds=15)
"""A stream with checkpoints closer to each other is left to itself."""


def warm_planner(records: DataFrame, every: timedelta, over: threading.Event) -> None:
    """Starts to plan a batch of what the stream does, again and again, until that is quick or `over` is set. Nothing is run.

    `every` is the time between checkpoints; nothing is started where that is short.
    """
    if every < APART:
        return
    threading.Thread(target=_plan, args=(records, over), name="warm planner", daemon=True).start()


def _plan(records: DataFrame, over: threading.Event) -> None:
    session: Any = records.sparkSession._jsparkSession
    jvm: Any = records.sparkSession.sparkContext._jvm
    modes = jvm.org.apache.spark.sql.execution.CommandExecutionMode
    logical = records._jdf.queryExecution().analyzed()
    for _ in range(PLANS):
        if over.wait(PAUSE_S):
            return
        try:
            session.sessionState().executePlan(logical, modes.ALL()).executedPlan().execute()
        except Py4JError:
            return  # Spark is ending
