"""Alerts to people and to machines, through an outbox: none is lost, whichever server is away."""
