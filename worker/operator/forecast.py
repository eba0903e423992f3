"""sevDesk as a dry run meets it: reads are real, and a write is answered as sevDesk would answer it, but not sent.

Nothing that sevDesk can refuse is decided here, except that an object must exist to be changed.
"""

from collections.abc import Iterable
from typing import Any, cast

from sevdesk_client import models
from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import NotFound, Refused
from sevdesk_client.sending import Hits
from worker.domain.money import Sums
from worker.domain.units import STOCK, Unit
from worker.steps.contact import INVOICE_ADDRESS
from worker.steps.payments import DRAFT, OPEN
from worker.steps.sevdesk_account import NOT_LISTED, SevdeskAccount
from worker.steps.step import StepContext

UNKNOWN = "0"  # stands for an id that only sevDesk knows
# sevDesk's ids of these countries, which never change (live, two peers), and their names.
COUNTRIES = {"DE": ("1", "Deutschland"), "AT": ("2", "Österreich"), "CH": ("3", "Schweiz")}
GONE = 151  # sevDesk's error number for an unknown id (captured)


class ForecastClient:
    """The calls of publishing. Without `real`, sevDesk is taken to hold nothing of the invoice and its recipient."""

    def __init__(self, real: SevDeskClient | None, templates: frozenset[str] | None = None) -> None:
        """`templates`: the layouts that the account is known to have; None: nobody knows."""
        self.real, self.templates = real, templates
        self.begin()

    def begin(self) -> None:
        """Forget the invoice before."""
        self.unknown: list[str] = []
        self.saved: models.InvoiceDraft | None = None
        self.draft_id = UNKNOWN  # of what `save_invoice` makes
        self.finalizes = False
        self._deleted: set[str] = set()
        self._context: StepContext | None = None

    def look_at(self, context: StepContext) -> None:
        """What the next calls are about."""
        self._context = context

    @property
    def context(self) -> StepContext:
        assert self._context is not None
        return self._context

    def __getattr__(self, name: str) -> Any:
        """Any other read is sevDesk's; there is no other write, so a new one cannot be sent by mistake."""
        if self.real is None or not name.startswith(("find_", "list_", "get_")):
            raise AttributeError(name)
        return getattr(self.real, name)

    async def wait_for_turn(self) -> None:
        if self.real:
            await self.real.wait_for_turn()

    # -- contacts ------------------------------------------------------------------------------------------------------

    async def find_contacts(self, customer_number: str) -> list[models.Contact]:
        if self.real:
            return await self.real.find_contacts(customer_number)
        self.unknown.append(f"contact: found by customer number {customer_number} or made")
        return []

    async def create_contact(self, draft: models.ContactDraft) -> models.Contact:
        return models.Contact(id=UNKNOWN, customer_number=draft.customer_number)

    async def update_contact(
        self, id: str, draft: models.ContactDraft, *, clears: Iterable[str] = ()
    ) -> models.Contact:
        await self._contact_exists(id)
        return models.Contact(id=id, customer_number=draft.customer_number)

    async def list_contact_addresses(self, contact_id: str) -> list[models.ContactAddress]:
        if self.real:
            return await self.real.list_contact_addresses(contact_id) if contact_id != UNKNOWN else []
        written = self.context.contact.address_digest is not None
        return [models.ContactAddress(id=UNKNOWN, category_id=str(INVOICE_ADDRESS))] if written else []

    async def create_contact_address(self, contact_id: str, draft: models.AddressDraft) -> models.ContactAddress:
        await self._contact_exists(contact_id)
        return models.ContactAddress(id=UNKNOWN)

    async def update_contact_address(self, address_id: str, draft: models.AddressDraft) -> models.ContactAddress:
        return models.ContactAddress(id=address_id)

    async def list_communication_ways(self, contact_id: str) -> list[models.CommunicationWay]:
        if self.real:
            return await self.real.list_communication_ways(contact_id) if contact_id != UNKNOWN else []
        written = self.context.contact.email_id
        return [models.CommunicationWay(id=written, type="EMAIL", value="")] if written else []

    async def create_communication_way(self, contact_id: str, email: str) -> models.CommunicationWay:
        await self._contact_exists(contact_id)
        return models.CommunicationWay(id=UNKNOWN, type="EMAIL", value=email)

    async def update_communication_way(self, id: str, value: str) -> models.CommunicationWay:
        return models.CommunicationWay(id=id, type="EMAIL", value=value)

    async def _contact_exists(self, id: str) -> None:
        if self.real and id != UNKNOWN:
            await self.real.get_contact(id)

    # -- the invoice ---------------------------------------------------------------------------------------------------

    async def find_invoices(self, marker: str) -> list[models.Invoice]:
        found = await self.real.find_invoices(marker) if self.real else []
        return [invoice for invoice in found if invoice.id not in self._deleted]

    async def list_invoices(self, **asked: Any) -> Hits[models.Invoice]:
        return await self.real.list_invoices(**asked) if self.real else Hits([], None)

    async def get_invoice(self, id: str) -> models.Invoice:
        if self.real and id not in self._deleted:
            return await self.real.get_invoice(id)
        if not self.real:
            self.unknown.append(f"document: what invoice {id} in sevDesk says")
        raise NotFound("GET /Invoice/{id}", f"nothing has the id {id}", code=GONE)

    async def save_invoice(self, draft: models.InvoiceDraft) -> models.Invoice:
        """The sums are the billing invoice's, which `check` has found to be what sevDesk will compute."""
        await self._contact_exists(draft.contact_id)
        self.saved, invoice = draft, self.context.invoice
        return _draft(self.draft_id, draft, Sums(invoice.net_amount, invoice.tax_amount, invoice.gross_amount))

    async def delete_draft(self, id: str) -> None:
        await self.get_invoice(id)
        self._deleted.add(id)

    async def change_parameter(self, id: str, key: str, value: str) -> None:
        if self.real and self.templates is None:
            self.templates = frozenset(template.id for template in await self.real.list_templates())
        if self.templates is None:
            self.unknown.append(f"template: whether the account has {value}")
        elif value not in self.templates:
            raise Refused("PUT /Invoice/{id}/changeParameter", f"the account has no template {value}")

    async def send_by(self, id: str, send_type: str = "VPDF") -> models.Invoice:
        """Nobody knows the number before sevDesk draws it."""
        assert self.context.remote is not None
        self.finalizes = True
        return self.context.remote.model_copy(update={"status": OPEN, "invoice_number": None, "send_type": send_type})


def _draft(id: str, draft: models.InvoiceDraft, sums: Sums) -> models.Invoice:
    return models.Invoice(
        id=id,
        status=DRAFT,
        invoice_type=draft.invoice_type,
        contact_id=draft.contact_id,
        currency=draft.currency,
        sum_net=sums.net,
        sum_tax=sums.tax,
        sum_gross=sums.gross,
        paid_amount=0,
        discount=draft.discount,
        discount_time=draft.discount_time,
    )


class ForecastAccount(SevdeskAccount):
    """Facts about the account come from `facts`; without it they are constants or UNKNOWN, and named in `unknown`."""

    def __init__(self, client: ForecastClient, facts: SevdeskAccount | None) -> None:
        super().__init__(cast(SevDeskClient, client))
        self.forecast, self.facts = client, facts

    async def contact_person_id(self) -> str:
        return await self.facts.contact_person_id() if self.facts else self._unknown("contactPerson: first user's id")

    async def user_ids(self, *, fresh: bool = False) -> list[str]:
        return await self.facts.user_ids(fresh=fresh) if self.facts else []

    async def has_user(self, id: str) -> bool:
        return await self.facts.has_user(id) if self.facts else True

    async def country(self, code: str | None) -> models.Country:
        if self.facts:
            return await self.facts.country(code)
        id, name = COUNTRIES.get(code or "") or (self._unknown(f"addressCountry: sevDesk's id of {code}"), code)
        return models.Country(id=id, name=name)

    async def payment_method_id(self, electronic_invoice_id: str) -> str:
        if self.facts:
            return await self.facts.payment_method_id(electronic_invoice_id)
        return self._unknown("paymentMethod: the account's id of credit transfer")

    async def units(self) -> list[Unit]:
        return await self.facts.units() if self.facts else list(STOCK)

    async def tax_rule_listed(self, rule: int) -> str:
        return await self.facts.tax_rule_listed(rule) if self.facts else NOT_LISTED

    def _unknown(self, what: str) -> str:
        if what not in self.forecast.unknown:
            self.forecast.unknown.append(what)
        return UNKNOWN
