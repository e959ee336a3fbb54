"""The detector: one Spark Structured Streaming query from transactions to explained alerts."""
