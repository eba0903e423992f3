"""What publishing an invoice would send, without sending it: the publish step itself, looking at an empty sevDesk."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sevdesk_client import bodies
from sevdesk_client.client import SevDeskClient
from worker.domain import money
from worker.domain.invoice import ContactLink
from worker.domain.jobs import PublishInvoice
from worker.domain.money import Sums
from worker.domain.outcome import Parked
from worker.domain.recipients import Recipient, customer_number
from worker.runner.context import load_case
from worker.settings import Settings
from worker.steps.account import Desk
from worker.steps.check import PUBLISHABLE
from worker.steps.publish import PUBLISH
from worker.steps.step import Case, Intent
from worker.store import Job, Store

UNKNOWN = "0"  # stands for an id that only sevDesk knows
# The ids of these never change (live, two peers).
COUNTRIES = {"DE": "1", "AT": "2", "CH": "3"}


class EmptyBook:
    """A sevDesk without invoices and contacts, so that a step wants to make everything. Nothing else is answered."""

    async def find_invoices(self, marker: str) -> list[Any]:
        return []

    async def find_contacts(self, customer_number: str) -> list[Any]:
        return []

    async def list_contact_addresses(self, contact_id: str) -> list[Any]:
        return []

    async def list_communication_ways(self, contact_id: str, type: str = "EMAIL") -> list[Any]:
        return []


class PreviewDesk(Desk):
    """Facts about the account come from `real` by reads, or, without it, are what is known or UNKNOWN."""

    def __init__(self, real: Desk | None) -> None:
        super().__init__(cast(SevDeskClient, EmptyBook()))
        self.real = real
        self.unknown: list[str] = []

    async def contact_person_id(self) -> str:
        return await self.real.contact_person_id() if self.real else self._unknown("contactPerson: the first user's id")

    async def country_id(self, code: str) -> str:
        if self.real:
            return await self.real.country_id(code)
        return COUNTRIES.get(code) or self._unknown(f"addressCountry: sevDesk's id of {code}")

    async def payment_method_id(self, electronic_invoice_id: str) -> str:
        if self.real:
            return await self.real.payment_method_id(electronic_invoice_id)
        return self._unknown("paymentMethod: the account's id of credit transfer")

    async def contact_link(self, case: Case) -> ContactLink:
        """The sevDesk contact the invoice will be written to."""
        if case.link is not None:
            return case.link
        if self.real:
            hits = await self.real.client.find_contacts(customer_number(case.who.party))
            if hits:
                return ContactLink(hits[0].id)
        return ContactLink(
            self._unknown(f"contact: found by customer number {customer_number(case.who.party)} or made")
        )

    def _unknown(self, what: str) -> str:
        self.unknown.append(what)
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class Preview:
    """`refusal`: why publishing would stop before the first call. `body` is None when there is nothing to address."""

    invoice_number: str
    recipient: str | None
    recipient_reason: str
    refusal: str | None
    next_step: str | None
    stated: Sums
    predicted: Sums | None
    template_id: str | None
    unknown: tuple[str, ...]
    body: dict[str, object] | None


async def preview_of(store: Store, invoice_id: UUID, settings: Settings, real: Desk | None) -> Preview:
    """Read our rows and, through `real`, a few facts of sevDesk's. Raises `SevDeskError` where those cannot be read."""
    job = Job("preview", "publish_invoice", {}, "operator", invoice_id, None, None, "", 0, 0, ())
    case = await load_case(store, job, PublishInvoice(invoice_id=invoice_id), invoice_id, settings)
    assert case is not None  # just found by its number or id
    return await preview_case(case, PreviewDesk(real))


async def preview_case(case: Case, desk: PreviewDesk) -> Preview:
    """The check and publish steps' own answers about the case."""
    invoice, who = case.invoice, case.recipient
    stop = (await PUBLISHABLE.look(case, desk)).stop  # type: ignore[union-attr]  # a check never writes
    party = who.party if isinstance(who, Recipient) else None
    return Preview(
        invoice_number=invoice.number,
        recipient=f"{party.display_name} ({party.kind.value} {party.id})" if party else None,
        recipient_reason=who.reason,
        refusal=stop.reason if stop else None,
        next_step=stop.next_step if isinstance(stop, Parked) else None,
        stated=Sums(invoice.net_amount, invoice.tax_amount, invoice.gross_amount),
        predicted=_predicted(case),
        template_id=case.template_id,
        body=await save_body(case, desk) if party and party.country_code else None,
        unknown=tuple(desk.unknown),
    )


def _predicted(case: Case) -> Sums | None:
    figures = [number for item in case.invoice.items for number in (item.quantity, item.unit_price, item.tax_rate)]
    if not all(figure.is_finite() and abs(figure) < Decimal(10**9) for figure in figures):
        return None  # beyond what can be computed; the refusal names the position
    return money.predict(case.invoice.items, case.invoice.currency)


async def save_body(case: Case, desk: PreviewDesk) -> dict[str, object]:
    """The JSON of POST saveInvoice, as the client would send it."""
    fresh = replace(case, link=await desk.contact_link(case), seen=None, open_intent=None)
    fresh = replace(fresh, handback=replace(case.handback, external_id=None))
    wanted = await PUBLISH.look(fresh, desk)
    assert isinstance(wanted, Intent)  # an empty book has nothing to find
    return bodies.save_invoice(wanted.request)
