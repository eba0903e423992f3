"""A job that does nothing, known to bench workers only. Its result says when it started."""

import asyncio
import time
from typing import Any

from worker.domain import jobs
from worker.domain.jobs import Kind, Role
from worker.domain.ledger import Job
from worker.domain.outcome import Done, Outcome
from worker.domain.payloads import Id, Payload
from worker.handlers.handler import HandlerContext
from worker.runner import registry as handlers

NAME = "noop"


class Noop(Payload):
    """The invoice need not exist: its id makes the job independent of the others, as different invoices are."""

    invoice_id: Id
    seconds: float = 0.0


async def noop(context: HandlerContext, job: Job, payload: Noop) -> Outcome:
    """Nothing, or nothing for a while."""
    started = time.time()
    if payload.seconds:
        await asyncio.sleep(payload.seconds)
    return Done({"started": started})


def register() -> None:
    """In this process only."""
    kinds: Any = jobs.KINDS
    known: Any = handlers.HANDLERS
    kinds[NAME] = Kind(NAME, Noop, Role.INTERNAL, needs_sevdesk=False)
    known[NAME] = noop
