"""Models: how they are trained and judged on what could have been known. No Spark in here: it reads what `write_features` wrote."""
