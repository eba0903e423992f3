"""What publishing an invoice would send: the publish step is run against a sevDesk without invoices."""

from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from sevdesk_client import bodies
from sevdesk_client.client import SevDeskClient
from worker.domain import money
from worker.domain.advances import Reckoning, reckoning
from worker.domain.dates import impossible_dates
from worker.domain.events import LegalWarning
from worker.domain.invoice import ContactLink, FinalInvoiceForm
from worker.domain.jobs import PublishInvoice
from worker.domain.ledger import Job
from worker.domain.money import Sums
from worker.domain.problems import Problem
from worker.domain.recipients import Recipient, customer_number
from worker.domain.units import STOCK, Unit
from worker.runner.context import load_context
from worker.settings import Settings
from worker.steps.check import PUBLISHABLE
from worker.steps.publish import PUBLISH
from worker.steps.sevdesk_account import NOT_LISTED, SevdeskAccount
from worker.steps.step import Intent, StepContext, StepResult
from worker.store import Store

UNKNOWN = "0"  # stands for an id that only sevDesk knows
# sevDesk's ids of these countries, which never change (live, two peers).
COUNTRIES = {"DE": "1", "AT": "2", "CH": "3"}


class EmptySevdesk:
    """The client of a sevDesk without invoices, so that the publish step wants to save one. It has no other method."""

    async def find_invoices(self, marker: str) -> list[Any]:
        return []


class PreviewAccount(SevdeskAccount):
    """Reads facts about the account from `real`; without it, they are constants or UNKNOWN and named in `unknown`."""

    def __init__(self, real: SevdeskAccount | None) -> None:
        super().__init__(cast(SevDeskClient, EmptySevdesk()))
        self.real = real
        self.unknown: list[str] = []

    async def contact_person_id(self) -> str:
        return await self.real.contact_person_id() if self.real else self._unknown("contactPerson: the first user's id")

    async def user_ids(self, *, fresh: bool = False) -> list[str]:
        return await self.real.user_ids(fresh=fresh) if self.real else []

    async def has_user(self, id: str) -> bool:
        return await self.real.has_user(id) if self.real else True

    async def country_id(self, code: str) -> str:
        if self.real:
            return await self.real.country_id(code)
        return COUNTRIES.get(code) or self._unknown(f"addressCountry: sevDesk's id of {code}")

    async def payment_method_id(self, electronic_invoice_id: str) -> str:
        if self.real:
            return await self.real.payment_method_id(electronic_invoice_id)
        return self._unknown("paymentMethod: the account's id of credit transfer")

    async def units(self) -> list[Unit]:
        return await self.real.units() if self.real else list(STOCK)

    async def tax_rule_listed(self, rule: int) -> str:
        return await self.real.tax_rule_listed(rule) if self.real else NOT_LISTED

    async def contact_link(self, context: StepContext) -> ContactLink:
        """The sevDesk contact the invoice will be written to."""
        if context.link is not None:
            return context.link
        number = customer_number(context.addressee.party)
        if self.real:
            contacts = await self.real.client.find_contacts(number)
            if contacts:
                return ContactLink(contacts[0].id)
        return ContactLink(self._unknown(f"contact: found by customer number {number} or made"))

    def _unknown(self, what: str) -> str:
        self.unknown.append(what)
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class Preview:
    """`problem`: why publishing would stop before the first call. `body` is None without recipient or country, or where
    a date or figure cannot be sent. `reckoning`: the advances of a final invoice's deal, if it has any.
    """

    invoice_number: str
    recipient: str | None
    recipient_reason: str
    problem: Problem | None
    warnings: tuple[str, ...]
    stated: Sums
    predicted: Sums | None
    final_invoice_form: FinalInvoiceForm
    reckoning: Reckoning | None
    template_id: str | None
    unknown: tuple[str, ...]
    body: dict[str, object] | None


async def preview_of(store: Store, invoice_id: UUID, settings: Settings, real: SevdeskAccount | None) -> Preview:
    """What the check and publish steps decide about the invoice, with facts about the account if `real` is given.

    Raises `SevDeskError`.
    """
    job = Job("preview", "publish_invoice", {}, "operator", invoice_id, None, None, "", 0, 0, ())
    context = await load_context(store, job, PublishInvoice(invoice_id=invoice_id), invoice_id, settings)
    assert context is not None  # the caller has just found the invoice
    account, invoice, addressee = PreviewAccount(real), context.invoice, context.recipient
    checked = await PUBLISHABLE.look(replace(context, warned=frozenset()), account)
    assert isinstance(checked, StepResult)  # a check never writes
    stop = checked.stop
    party = addressee.party if isinstance(addressee, Recipient) else None
    computable = money.are_computable(invoice.items)  # if not, `problem` names the position
    sendable = party is not None and party.country_code and computable and impossible_dates(invoice) is None
    return Preview(
        invoice_number=invoice.number,
        recipient=f"{party.display_name} ({party.kind.value} {party.id})" if party else None,
        recipient_reason=addressee.reason if isinstance(addressee, Recipient) else addressee.problem.cause(),
        problem=stop.problem if stop else None,
        warnings=tuple(event.reason for event in checked.events if isinstance(event, LegalWarning)),
        stated=Sums(invoice.net_amount, invoice.tax_amount, invoice.gross_amount),
        predicted=money.predict(invoice.items, invoice.currency) if computable else None,
        final_invoice_form=context.final_invoice_form,
        reckoning=reckoning(invoice, context.deal_invoices) if computable else None,
        template_id=context.template_id,
        body=await save_body(context, account) if sendable else None,
        unknown=tuple(account.unknown),
    )


async def save_body(context: StepContext, account: PreviewAccount) -> dict[str, object]:
    """The JSON of POST saveInvoice, as the client would send it."""
    handback = replace(context.handback, external_id=None)
    link = await account.contact_link(context)
    context = replace(context, link=link, remote=None, open_intent=None, handback=handback)  # as if never published
    intent = await PUBLISH.look(context, account)
    assert isinstance(intent, Intent)  # no invoice is found that would make saving needless
    return bodies.save_invoice(intent.request)
