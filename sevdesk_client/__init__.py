"""A typed client of the sevDesk REST API v1; it knows nothing of the worker."""
