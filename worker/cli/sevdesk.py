"""Reports errors of sevDesk to the operator."""

from collections.abc import Iterator
from contextlib import contextmanager

from sevdesk_client.errors import SevDeskError
from worker.cli.base import FAILED, USAGE, fail
from worker.operator.connections import TokenMissing


@contextmanager
def sevdesk_errors(advice: str) -> Iterator[None]:
    """End the command with one sentence: exit code 1 with `advice` on an error of sevDesk, 2 if no token is set."""
    try:
        yield
    except TokenMissing:
        fail("SEVDESK_API_TOKEN is not set. See .env.example.", USAGE)
    except SevDeskError as error:
        fail(f"{error} {advice}", FAILED)
