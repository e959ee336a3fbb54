"""The laptop: a real Kafka broker from jars, the demo, and a doctor."""
