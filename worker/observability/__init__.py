"""Logging, metrics and traces, with the alert rules and the dashboard that belong to them."""
