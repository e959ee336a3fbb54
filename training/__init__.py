"""Models: how they are trained, and judged on what could have been known. Features come from `spark_jobs.write_features`."""
