"""A typed client of the sevDesk REST API v1; it knows nothing of the worker."""

from sevdesk_client import errors, models
from sevdesk_client.client import SevDeskClient

__all__ = ["SevDeskClient", "errors", "models"]
