"""What publishing an invoice would do, and send: a dry run of its job; of a published invoice, what it is."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sevdesk_client import bodies
from sevdesk_client.errors import Refused
from worker.domain import money
from worker.domain.advances import Reckoning, reckoning
from worker.domain.dates import impossible_dates
from worker.domain.invoice import ContactLink, FinalInvoiceForm
from worker.domain.ledger import Job
from worker.domain.money import Sums
from worker.domain.outcome import NotYet
from worker.domain.payloads import PublishInvoice
from worker.domain.problems import Problem, problem, recorded
from worker.domain.recipients import Recipient, customer_number
from worker.gate.gate import HeldBack
from worker.maintenance.agreement import registered
from worker.operator.advice import unasked_step
from worker.operator.dry_run import DRY_RUN, DryRunner, Forecast, NoLocks, OthersLocks, ReadingStore
from worker.operator.forecast import UNKNOWN, ForecastAccount, ForecastClient
from worker.operator.rows import InvoiceHeadRow, JobAheadRow
from worker.operator.situation import job_limit, limited_for
from worker.runner.context import load_context
from worker.settings import Settings
from worker.steps.document import draft_of
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import StepContext, is_synced
from worker.store import Store
from worker.store.rows import Row, UnknownValue

LAST = 2**63 - 1  # the place in line of a job that nobody has asked for yet


@dataclass(frozen=True, slots=True)
class Preview:
    """`verdict`: publishes, published (it is already, and nothing speaks against it), parks, rejects, waits.

    `problem`: why it would not be published now. `behind`: the job of the invoice that a new one would wait for.
    `stopped_before`: why the latest job stopped, if it is parked still.
    `body` is None where nothing would be saved, or a recipient, country, date or figure is missing. `reckoning`: the
    advances of a final invoice's deal, if it has any.
    """

    invoice_number: str
    verdict: str
    standing: str
    writes: tuple[str, ...]
    recipient: str | None
    recipient_reason: str
    problem: Problem | None
    next_step: str | None
    behind: JobAheadRow | None
    stopped_before: Problem | None
    warnings: tuple[str, ...]
    stated: Sums
    predicted: Sums | None
    final_invoice_form: FinalInvoiceForm | None
    reckoning: Reckoning | None
    template_id: str | None
    unknown: tuple[str, ...]
    body: dict[str, object] | None


async def preview_of(
    store: Store, invoice_id: UUID, settings: Settings, real: SevdeskAccount | None, requested_by: UUID | None = None
) -> Preview:
    """A dry run against `real`; without it, nobody asks sevDesk. Raises `SevDeskError` if that does not answer.

    `requested_by`: the person who would ask for it, whose rights and limit count then.
    """
    reading = ReadingStore(store)
    account = ForecastAccount(ForecastClient(real.client if real else None, await known_templates(reading, real)), real)
    behind: JobAheadRow | None = await reading.query("job_ahead", order_key=f"invoice:{invoice_id}", seq=LAST)
    locks = NoLocks() if behind else OthersLocks(reading)
    forecast = await DryRunner(reading, account, settings, locks).publish(invoice_id, requested_by)
    if forecast.error is not None:
        raise forecast.error
    if (limited := await _limit_of(reading, requested_by, settings)) or behind:
        forecast = replace(forecast, outcome=limited or forecast.outcome, writes=())
    head: InvoiceHeadRow = await reading.query("invoice_head", invoice_id=invoice_id)
    stopped: Row | None = await reading.query("last_publish_stop", invoice_id=invoice_id)
    job = Job(DRY_RUN, "publish_invoice", {}, "operator", invoice_id, None, None, "", 0, 0, ())
    try:
        context = await load_context(reading, job, PublishInvoice(invoice_id=invoice_id), invoice_id, settings)
    except UnknownValue:
        context = None  # `problem` names the column
    facts: dict[str, Any] = await _facts_of(context, forecast, account) if context else {}
    published = context is not None and is_synced(context) and forecast.problem is None
    return Preview(
        **{
            "invoice_number": head["invoice_number"],
            "verdict": "published" if published else "waits" if behind else forecast.verdict,
            "standing": _standing(head),
            "writes": forecast.writes,
            "recipient": None,
            "recipient_reason": "unknown while the invoice cannot be read",
            "problem": (found := None if behind else forecast.problem),
            "next_step": await _next_step(reading, found, invoice_id, head["invoice_number"]),
            "behind": None if published else behind,
            "stopped_before": stopped and recorded(stopped["problem"], stopped["problem_parameters"]),
            "warnings": tuple(event.reason for event in forecast.warnings),
            "stated": Sums(head["net_amount"], head["tax_amount"], head["gross_amount"]),
            "predicted": None,
            "final_invoice_form": None,
            "reckoning": None,
            "template_id": None,
            "body": None,
            "unknown": tuple(account.forecast.unknown),
            **facts,
        }
    )


async def _next_step(store: Store, found: Problem | None, invoice_id: UUID, number: str) -> str | None:
    """What ends the problem: with the job that waits, if there is one."""
    if found is None:
        return None
    chosen = {"invoice_id": invoice_id, "kind": "publish_invoice", "code": None, "older": None}
    parked: list[Row] = await store.query("parked_job_ids", **chosen)
    return found.next_step(job=parked[-1]["job_id"]) if parked else unasked_step(found, number)


async def known_templates(store: Store, account: SevdeskAccount | None) -> frozenset[str] | None:
    """As sevDesk listed them last; None if it will be asked (`ForecastClient`) or never listed any."""
    listed = [] if account else await store.query("templates")
    return frozenset(row["template_id"] for row in listed) or None


async def _limit_of(store: Store, requested_by: UUID | None, settings: Settings) -> NotYet | None:
    """Until the person may start another job; None: now."""
    if requested_by is None:
        return None
    limit = job_limit(await registered(store), settings)
    seconds = await limited_for(store, requested_by, limit)
    told = problem("person_limit", jobs=limit.jobs, seconds=f"{limit.seconds:g}")
    return NotYet(seconds, told) if seconds is not None and seconds > 0 else None


def _standing(head: InvoiceHeadRow) -> str:
    """What the invoice is now."""
    number, id = head["external_invoice_number"], head["external_id"]
    there = f"{number or 'without a number'}, id {id} in sevDesk" if id else "not in sevDesk"
    return f"{head['document_status']}, {head['accounting_sync_status']}, {head['claim_status']}; {there}"


async def _facts_of(context: StepContext, forecast: Forecast, account: ForecastAccount) -> dict[str, Any]:
    """The fields that need the invoice's recipient and positions."""
    invoice, addressee = context.invoice, context.recipient
    party = addressee.party if isinstance(addressee, Recipient) else None
    computable = money.are_computable(invoice.items)  # if not, the problem names the position
    sendable = party is not None and party.country_code and computable and impossible_dates(invoice) is None
    return {
        "recipient": f"{party.display_name} ({party.kind.value} {party.id})" if party else None,
        "recipient_reason": addressee.reason if isinstance(addressee, Recipient) else addressee.problem.cause(),
        "predicted": money.predict(invoice.items, invoice.currency) if computable else None,
        "final_invoice_form": context.final_invoice_form,
        "reckoning": reckoning(invoice, context.deal_invoices) if computable else None,
        "template_id": context.template_id,
        "body": await _save_body(context, forecast, account) if sendable else None,
        "unknown": tuple(account.forecast.unknown),  # the body may have added some
    }


async def _save_body(context: StepContext, forecast: Forecast, account: ForecastAccount) -> dict[str, object] | None:
    """The JSON of POST saveInvoice: what the dry run sent, or what would be sent but for the problem."""
    if (saved := account.forecast.saved) is not None:
        return bodies.save_invoice(saved)
    if forecast.problem is None or is_synced(context):
        return None
    try:
        link = context.link
        if link is None:
            found = await account.forecast.find_contacts(customer_number(context.party))
            link = ContactLink(found[0].id if found else UNKNOWN)
        return bodies.save_invoice(await draft_of(replace(context, link=link), account))
    except (Refused, HeldBack):  # the token, or what sevDesk does not have: `problem` says so
        return None
