"""How a command reports that sevDesk cannot be asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from sevdesk_client.errors import SevDeskError
from worker.cli.base import FAILED, USAGE, fail
from worker.operator.connections import TokenMissing


@contextmanager
def sevdesk_errors(advice: str) -> Iterator[None]:
    """A refusal or an outage as one sentence with `advice`, exit 1; a missing token, exit 2."""
    try:
        yield
    except TokenMissing:
        fail("SEVDESK_API_TOKEN is not set. See .env.example.", USAGE)
    except SevDeskError as error:
        fail(f"{error} {advice}", FAILED)
