"""The detector and its peers on one job: `python -m benchmarks.peers` prints the table; five minutes on a quiet machine."""

import os
import sys

from benchmarks.page import machine, new_broker
from benchmarks.peers.comparison import compare, section

if __name__ == "__main__":
    load = os.getloadavg()[0]
    with new_broker() as (broker, home):
        rows = compare(broker, home)
    sys.stdout.write(f"{section(rows)}\n\n{machine()}; load average before the start {load:.2f}.\n")
