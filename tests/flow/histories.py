"""Histories of one invoice, told step by step to an office without queue and network; see `model_office`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flow.model_books import check_books, check_job
from flow.model_office import Office, Trouble

from sevdesk_client.sandbox.endpoints import paying
from worker.domain import jobs

BLIND = {"blind": True}


def pay(office: Office, amount: str) -> None:
    """Money for the invoice, in sevDesk."""
    paying.pay(office.account, office.documents()[0], Decimal(amount), office.account.today(), closes=False)


@pytest.fixture
async def open_office(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """One approved invoice; a job gives up after one retry. A module calls it `office`."""
    brief = {name: jobs.Kind(k.name, k.payload, k.role, (1.0,), k.needs_sevdesk) for name, k in jobs.KINDS.items()}
    monkeypatch.setattr(jobs, "KINDS", brief)
    office = await Office.open(database_url)
    await office.begin()
    yield office
    await office.close()


async def begin(office: Office, kind: str, trouble: Trouble | None = None, **payload: Any) -> str:
    """One attempt of a new job."""
    office.wire.trouble = trouble
    job_id = await office.ask(kind, **{"invoice_id": office.invoice} | payload)
    assert await office.attempt() == job_id
    return job_id


async def settle(office: Office) -> None:
    """Everything goes on until it ends or waits for a person, and the books are looked at."""
    await office.settle(lambda job_id: check_job(office, job_id))
    await check_books(office)


async def do(office: Office, kind: str, trouble: Trouble | None = None, **payload: Any) -> Any:
    """A job until its end."""
    job_id = await begin(office, kind, trouble, **payload)
    await settle(office)
    return await office.billing.job(job_id)


async def retried(office: Office, job: Any, answer: str | None = None) -> Any:
    """The parked job, taken up again."""
    await office.billing.retry(job["job_id"], answer)
    await settle(office)
    return await office.billing.job(job["job_id"])


async def untold_resend(office: Office, kind: str = "lost") -> Any:
    """Mailed, and mailed again within the same second, its answer lost: sevDesk shows nothing that would tell."""
    now = datetime.now(UTC)
    office.account.clock = lambda: now
    await do(office, "publish_invoice")
    await do(office, "send_invoice")
    job = await do(office, "send_invoice", Trouble(kind), resend=True)
    assert (job["state"], job["problem"]) == ("parked", "mail_outcome_unknown")
    return job


async def outcomes(office: Office, action: str) -> list[str | None]:
    """How the intents of one kind were closed, the oldest first; None: not yet."""
    rows = await office.billing.db.fetch("SELECT outcome FROM sevdesk_intents WHERE action = $1 ORDER BY id", action)
    return [row["outcome"] for row in rows]


async def nothing_open(office: Office) -> bool:
    """No write is left whose outcome nobody knows."""
    return await office.billing.db.fetchval("SELECT count(*) FROM sevdesk_intents WHERE closed_at IS NULL") == 0
