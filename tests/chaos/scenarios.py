"""What is killed at every point: one line for each kind of job."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from chaos.lane import Lane, Subject
from chaos.ledgers import Wanted, copies_of, exports_of, mails_about
from flow.billing import time_to_day

from sevdesk_client.sandbox.endpoints import paying

Ask = Callable[[Lane, Subject], Awaitable[str]]
STOCK = 8  # invoices made ready at once


@dataclass(frozen=True, slots=True)
class Scenario:
    """From what an invoice is when the job is asked for, to how the books must look in the end.

    `answer`: the job may end with a question, because sevDesk shows nothing that would tell (see `steps/email.py`);
    this is what an operator says who can look further.
    """

    ready: str
    ask: Ask
    wanted: Wanted
    answer: Callable[[Lane, Subject, Wanted], str] | None = None


def by_redis(kind: str, **options: object) -> Ask:
    """The documented MULTI."""
    return lambda lane, subject: lane.billing.enqueue(kind, invoice_id=subject.invoice, **options)


def by_outbox(kind: str, **options: object) -> Ask:
    """`sevdesk_request_job`."""
    return lambda lane, subject: lane.billing.request(kind, invoice_id=subject.invoice, **options)


def money_for(lane: Lane, subject: Subject, amount: str) -> None:
    """The customer pays, in sevDesk."""
    account = lane.sevdesk.sandbox.account
    copy = account.with_note(subject.number)[0]
    paying.pay(account, copy, Decimal(amount), time_to_day(), closes=False)


async def sync(lane: Lane, subject: Subject) -> str:
    """Some of the money has come; the whole feed is read."""
    money_for(lane, subject, "19.00")
    return await lane.billing.enqueue("sync_payments")


async def export(lane: Lane, subject: Subject) -> str:
    """The DATEV package of one day."""
    day = subject.day.isoformat()
    return await lane.billing.enqueue("export_datev", start_date=day, end_date=day)


def whether_mailed(lane: Lane, subject: Subject, wanted: Wanted) -> str:
    """The mail account knows."""
    return "done" if mails_about(lane, copies_of(lane, subject)) == wanted.mails else "not-done"


def start_another(lane: Lane, subject: Subject, wanted: Wanted) -> str:
    """An export whose id is lost can be fetched by nobody, so a person who wants the package starts a second one."""
    subject.given_up = exports_of(lane, subject)
    return "not-done"


PUBLISHED = Wanted()
SENT = replace(PUBLISHED, mails=1, document="sent")
CANCELLED = replace(PUBLISHED, sync="cancelled", document="cancelled", claim="cancelled", status=1000)

REFUNDED = replace(CANCELLED, refunded=True, cancellation_mails=1)
CREDITED = replace(PUBLISHED, claim="paid", status=1000, credits=1)
HALF = [{"position": 1, "quantity": "2"}]

SCENARIOS = {
    "publish": Scenario("approved", by_redis("publish_invoice"), PUBLISHED),
    "send": Scenario("published", by_outbox("send_invoice"), SENT),
    "resend": Scenario("sent", by_redis("send_invoice", resend=True), replace(SENT, mails=2), whether_mailed),
    "post": Scenario("published", by_redis("send_invoice", channel="post"), replace(SENT, mails=0)),
    "cancel": Scenario(
        "published", by_redis("cancel_invoice", reason="Irrtum", notify=True), replace(CANCELLED, cancellation_mails=1)
    ),
    "refund": Scenario("paid", by_redis("cancel_invoice", reason="Retoure", notify=True, refund=True), REFUNDED),
    "credit": Scenario("paid", by_redis("credit_invoice", reason="Mangel", notify=True, positions=HALF), CREDITED),
    "sync": Scenario("published", sync, replace(PUBLISHED, claim="partially_paid", status=750)),
    "export": Scenario("published", export, replace(PUBLISHED, exports=1), start_another),
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
        if ready == "paid":
            for each in stock:
                money_for(lane, each, "119.00")
    return stock.pop()
