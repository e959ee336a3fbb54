"""Models: how they are trained, and judged on what could have been known. Features come from `spark_jobs.write_features`."""

import os

# Before the libraries that learn are imported. Their threads wait for each other at every split of every tree; if they do so
# by spinning, a machine with something else to do takes many times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
