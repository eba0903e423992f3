"""Logging and metrics, with the alert rules and the dashboard that belong to them."""
