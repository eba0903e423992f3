"""check: refuse, before any call is made, what sevDesk or the accountant would refuse later."""

from collections.abc import Iterator

from worker.domain import money
from worker.domain.advances import CODES
from worker.domain.check_levels import Level
from worker.domain.dates import doubtful_dates, impossible_dates
from worker.domain.e_invoice import broken_rules, doubtful_reference
from worker.domain.emails import address_fault
from worker.domain.eu_vat import territory_outside
from worker.domain.events import LegalWarningSettled
from worker.domain.invoice import ClaimStatus, DocumentStatus, SyncStatus, party_name
from worker.domain.outcome import Parked, Rejected
from worker.domain.payloads import Channel, SendInvoice
from worker.domain.problems import CATALOGUE, Problem, problem
from worker.domain.recipients import NoRecipient, missing_address_fields
from worker.domain.skonto import wrong_skonto
from worker.domain.tax_rules import findings, shown_tax
from worker.steps.contact_person import unlisted_contact_person
from worker.steps.deal_check import awaits_other, deal_findings, parking, warning
from worker.steps.publish_order import draft_awaits_turn
from worker.steps.sending import already_sent, status_forbids_sending
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import DRAFT_WRITES, Step, StepContext, StepResult, WriteOutcome, is_synced


async def look_publishable(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Approved, with a recipient and exact sums; or sent, if its document was deleted in sevDesk since.

    Then the checks whose level is a setting. Raises `SevDeskError` where one needs facts about the account.
    """
    if (stop := _why_not_publishable(context) or draft_awaits_turn(context)) is not None:
        return StepResult(stop=stop, outcome=WriteOutcome.UNKNOWN)
    if (stop := await unlisted_contact_person(context, account)) is not None:
        return StepResult(stop=stop, outcome=WriteOutcome.UNKNOWN)
    found = doubtful_dates(context.invoice, context.today, context.issue_date_max_age)
    found += money.e_invoice_rounding(context.invoice)
    found += _under_duty(context)
    found += doubtful_reference(context.invoice, context.party)
    found += await _unknown_units(context, account)
    found += await _wrong_tax_rule(context, account)
    about_deal, left_to_publish = deal_findings(context), context.open_intent is not None
    parks = parking(context, found if left_to_publish else found + about_deal)
    parks = parks or broken_rules(context.invoice, context.party)
    waits = None if left_to_publish else awaits_other(context)
    warnings = {each.code: warning(each) for each in found + about_deal if context.level(each.code) is Level.WARN}
    untold = [event for code, event in warnings.items() if code not in context.warned]
    held = {each.code for each in found + about_deal}
    events = (*untold, *_settled(context, held, about_deal=waits is None))
    return StepResult(events, stop=Parked(parks) if parks else waits, outcome=WriteOutcome.UNKNOWN)


def _settled(context: StepContext, held: set[str], *, about_deal: bool) -> Iterator[LegalWarningSettled]:
    """Of each warning that no longer holds; of what is about the deal only if that was looked at."""
    unjudged = () if about_deal else CODES[context.invoice.document_kind]
    for code in sorted(context.warned - {*held, *unjudged}):
        yield LegalWarningSettled(problem=code)


def _under_duty(context: StepContext) -> list[Problem]:
    """An ordinary invoice under the duty to issue e-invoices (`domain/e_invoice_duty.py`)."""
    if context.duty_since is None or context.invoice.is_e_invoice:
        return []
    return [problem("e_invoice_required", number=context.invoice.number, since=context.duty_since)]


async def _unknown_units(context: StepContext, account: SevdeskAccount) -> list[Problem]:
    unknown = [item for item in context.invoice.items if await account.unit(item.unit) is None]
    if not unknown:
        return []
    known = ", ".join(unit.name for unit in await account.units() if unit.name)
    return [
        problem("unit_unknown", position=item.position, unit=(item.unit or "")[:40], known=known) for item in unknown
    ]


async def _wrong_tax_rule(context: StepContext, account: SevdeskAccount) -> list[Problem]:
    """What speaks against the tax rule. Only then sevDesk is asked for whom it lists the rule."""
    invoice, party = context.invoice, context.party
    found = [each for each in findings(invoice, party) if context.level(each.code) is not Level.OFF]
    if not found:
        return []
    about = {
        "number": invoice.number,
        "tax_rule": invoice.tax_rule,
        "party": party_name(party.kind, party.id),
        "country": " ".join(filter(None, (party.country_code, territory_outside(party.country_code, party.zip)))),
        "listed": await account.tax_rule_listed(invoice.tax_rule),
    }
    facts = [(each.code, about | dict(each.about)) for each in found]
    return [problem(code, **{name: known[name] for name in CATALOGUE[code].parameters}) for code, known in facts]


def _why_not_publishable(context: StepContext) -> Parked | Rejected | None:
    if (left := _left_to_other(context)) is not None:
        return left
    invoice, status = context.invoice, context.handback.document_status
    cancelled = context.handback.claim_status is ClaimStatus.CANCELLED
    if cancelled or (status is not DocumentStatus.APPROVED and not _document_lost(context)):
        about = {"number": invoice.number, "status": "cancelled" if cancelled else status.value}
        if context.open_intent is None:
            return Rejected(problem("invoice_not_approved", **about))
        # A rejected job is never run again, so nothing would find out whether the open write happened.
        return Parked(problem("approval_withdrawn", **about))
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.problem)
    about = {"number": invoice.number, "party": party_name(context.party.kind, context.party.id)}
    if incomplete := _incomplete_address(context):
        return incomplete
    if invoice.is_e_invoice and not context.party.email:
        return Parked(problem("e_invoice_missing_email", **about))
    if wrong_email := _wrong_email(context):
        return wrong_email
    if not money.is_amount(paid := context.handback.paid_amount):
        return Parked(problem("totals_invalid", totals=f"paid_amount {paid:.3G}"))
    wrong = impossible_dates(invoice) or wrong_skonto(invoice) or shown_tax(invoice)
    wrong = wrong or money.first_problem(invoice, context.sevdesk_type)
    return Parked(wrong) if wrong else None


def _left_to_other(context: StepContext) -> Parked | Rejected | None:
    """Another program publishes it, unless this worker has begun to.

    A parked job may have waited for long: the other program may have published it since, and only people know.
    """
    if not context.left_to_other:
        return None
    if not _begun(context):
        return Rejected(problem("left_to_other_program", number=context.invoice.number))
    waited = context.open_intent is None and context.handback.sync_status is SyncStatus.PARKED
    if not waited or "begun_before_other" in context.confirmed:
        return None
    about = {"number": context.invoice.number, "external_id": context.external_id}
    return Parked(problem("begun_before_other", **about))


def _begun(context: StepContext) -> bool:
    """Whether sevDesk has, or may have, a document that this worker made of the invoice."""
    return context.open_intent is not None or context.document is not None


def not_published(context: StepContext) -> Parked:
    """Another program publishes it, or somebody has to ask for it, or to mend what keeps the job that was asked to."""
    number, other = context.invoice.number, context.publication_parked
    if context.left_to_other and not _begun(context):
        return Parked(problem("other_publishes", number=number))
    if other is None:
        return Parked(problem("invoice_not_published", number=number))
    return Parked(problem("publication_parked", number=number, other_job=other))


def _document_lost(context: StepContext) -> bool:
    """It was sent, but its finalized document is no longer in sevDesk, so it may be published again."""
    handback = context.handback
    finalized_once = handback.external_invoice_number is not None
    return handback.document_status is DocumentStatus.SENT and finalized_once and not is_synced(context)


async def look_published(context: StepContext, account: SevdeskAccount) -> StepResult:
    """The document must be finalized in sevDesk."""
    number = context.invoice.number
    match context.handback.sync_status:
        case SyncStatus.SYNCED:
            return StepResult()
        case SyncStatus.CANCELLED:
            return StepResult(stop=Rejected(problem("invoice_cancelled", number=number)))
        case _:
            return StepResult(stop=not_published(context))


async def look_sendable(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Published, with what its channel needs: an e-mail address (the recipient's or the job's), or a postal one."""
    result = await look_published(context, account)
    if result.stop and context.open_intent is None:  # with an open intent the later steps must find out if it was sent
        return result
    withdrawn = status_forbids_sending(context) if context.open_intent is None else None
    nothing_left = withdrawn is None and already_sent(context)
    stop = None if nothing_left else withdrawn or _recipient_changed(context) or _why_not_by(context)
    return StepResult(stop=stop, outcome=WriteOutcome.UNKNOWN)


def _why_not_by(context: StepContext) -> Parked | None:
    """What the channel that the job names needs, and the recipient lacks; a portal needs no address."""
    asked = context.asked(SendInvoice)
    if asked.channel is Channel.EMAIL:
        named = asked.to is not None
        return why_no_mail(context, f"invoice {context.invoice.number}", address_named=named)
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.problem)
    return _incomplete_address(context) if asked.channel is Channel.POST else None


def _incomplete_address(context: StepContext) -> Parked | None:
    """Nobody can write this to an envelope."""
    if not (missing := missing_address_fields(context.party)):
        return None
    about = {"number": context.invoice.number, "party": party_name(context.party.kind, context.party.id)}
    return Parked(problem("recipient_address_incomplete", fields=", ".join(missing), **about))


def _recipient_changed(context: StepContext) -> Parked | None:
    """The document is addressed to a party that the billing system no longer names as the invoice's recipient."""
    code, now, document = "recipient_changed", context.recipient_now, context.document
    if code in context.confirmed or document is None:
        return None
    if isinstance(now, NoRecipient):
        return Parked(now.problem)
    if (now.party.kind, now.party.id) == (document.party_kind, document.party_id):
        return None
    addressee, named = party_name(document.party_kind, document.party_id), party_name(now.party.kind, now.party.id)
    return Parked(problem(code, number=context.invoice.number, addressee=addressee, named=named))


def why_no_mail(context: StepContext, document: str, *, address_named: bool = False) -> Parked | None:
    """Why a document cannot be mailed to the recipient; None: it can. `address_named`: the job names an address."""
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.problem)
    if address_named:
        return None
    if context.party.email:
        return _wrong_email(context)
    return Parked(
        problem("recipient_missing_email", document=document, party=party_name(context.party.kind, context.party.id))
    )


def _wrong_email(context: StepContext) -> Parked | None:
    """The recipient's e-mail address, if there is one, is not one that sevDesk may be given."""
    party = context.party
    fault = address_fault(party.email) if party.email else None
    if fault is None:
        return None
    about = {"number": context.invoice.number, "party": party_name(party.kind, party.id)}
    return Parked(problem("recipient_email_invalid", fault=fault, **about))


PUBLISHABLE = Step(
    "check",
    look_publishable,
    already_done=is_synced,
    also_resolves=("publish", *DRAFT_WRITES),
    every_attempt=True,  # an advance may have been published since
)
PUBLISHED = Step("check", look_published)
SENDABLE = Step("check", look_sendable, also_resolves=("email", "mark_sent"), own_job_only=True)
