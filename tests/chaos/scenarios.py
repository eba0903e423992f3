"""What is killed at every point: one line for each kind of job."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from chaos.lane import Lane, Subject
from chaos.ledgers import Wanted

from sevdesk_client.sandbox import paying

Ask = Callable[[Lane, Subject], Awaitable[str]]
STOCK = 12  # invoices made ready at once


@dataclass(frozen=True, slots=True)
class Scenario:
    """From what an invoice is when the job is asked for, to how the books must look in the end.

    `may_ask`: the job may end with a question, because sevDesk shows nothing that would tell (see `steps/email.py`).
    """

    ready: str
    ask: Ask
    wanted: Wanted
    may_ask: bool = False


def by_redis(kind: str, **options: object) -> Ask:
    """The documented MULTI."""
    return lambda lane, subject: lane.billing.enqueue(kind, invoice_id=subject.invoice, **options)


def by_outbox(kind: str, **options: object) -> Ask:
    """`sevdesk_request_job`."""
    return lambda lane, subject: lane.billing.request(kind, invoice_id=subject.invoice, **options)


async def sync(lane: Lane, subject: Subject) -> str:
    """Some of the money has come; the whole feed is read."""
    account = lane.sevdesk.sandbox.account
    copy = account.invoices[account.by_note[subject.number][0]]
    paying.pay(account, copy, Decimal("19.00"), date.today(), closes=False)
    return await lane.billing.enqueue("sync_payments")


PUBLISHED = Wanted()
SENT = replace(PUBLISHED, mails=1, document="sent")
CANCELLED = replace(PUBLISHED, sync="cancelled", document="cancelled", claim="cancelled", status=1000)

SCENARIOS = {
    "publish": Scenario("approved", by_redis("publish_invoice"), PUBLISHED),
    "send": Scenario("published", by_outbox("send_invoice"), SENT),
    "resend": Scenario("sent", by_redis("send_invoice", resend=True), replace(SENT, mails=2), may_ask=True),
    "cancel": Scenario(
        "published", by_redis("cancel_invoice", reason="Irrtum", notify=True), replace(CANCELLED, cancellation_mails=1)
    ),
    "sync": Scenario("published", sync, replace(PUBLISHED, claim="partially_paid", status=750)),
}


async def make_ready(lane: Lane, ready: str) -> Subject:
    """An invoice in this state, from the lane's stock."""
    if ready == "approved":
        return await lane.subject()
    stock = lane.stock.setdefault(ready, [])
    if not stock:
        stock += [await lane.subject() for _ in range(STOCK)]
        kinds = ["publish_invoice", *(["send_invoice"] if ready == "sent" else [])]
        jobs = [await lane.billing.enqueue(kind, invoice_id=each.invoice) for each in stock for kind in kinds]
        worker = await lane.worker()
        for job in jobs:
            row = await lane.ended(job, 60)
            assert row is not None and row["state"] == "done", f"{await lane.billing.job(job)} {worker.log.read_text()}"
        await worker.kill()
    return stock.pop()
