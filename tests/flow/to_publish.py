"""Situations in which an invoice may be published: what is wrong with it, its recipient, its deal or sevDesk."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

from flow.billing import Billing, time_to_day
from flow.books import new_contact
from flow.holding import HoldableSevdesk

from sevdesk_client.models import InvoiceDraft
from worker.domain.recipients import customer_number
from worker.operator.dry_run import DryRunner, Forecast, ReadingStore
from worker.operator.forecast import ForecastAccount, ForecastClient
from worker.settings import Settings
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store

TWO_RATES = {
    "items": (("2", "50", "19"), ("1", "10", "7")),
    "net_amount": "110.00",
    "tax_amount": "19.70",
    "gross_amount": "129.70",
}
FREE = {"items": (("4", "25", "0"),), "tax_amount": "0.00", "gross_amount": "100.00"}


@dataclass
class Scene:
    """A billing system and a sandbox in which one situation after the other is made."""

    billing: Billing
    sevdesk: HoldableSevdesk
    store: Store
    account: SevdeskAccount
    settings: Settings
    random: Random
    deal_types: tuple[str, ...] = ("EB", "KOP")

    async def foreseen(self, invoice: UUID) -> tuple[Forecast, InvoiceDraft | None]:
        """What `preview` decides, and the draft that would be saved."""
        client = ForecastClient(self.account.client)
        runner = DryRunner(ReadingStore(self.store), ForecastAccount(client, self.account), self.settings)
        return await runner.publish(invoice), client.saved

    def odds(self) -> dict[str, Any]:
        """Columns that are right, by chance."""
        chosen: dict[str, Any] = self.random.choice(({}, TWO_RATES, {"unit": "h"}, {"unit": "Stück"}))
        extras = (
            {}, {}, {"skonto_percent": Decimal(2), "skonto_days": 10}, {"is_e_invoice": True}, {"head_text": "Hallo"},
            {"document_kind": "SR"},
        )  # fmt: skip
        return {**chosen, **self.random.choice(extras)}

    async def usual(self, **columns: Any) -> UUID:
        """To a company or a person of its own, with nothing wrong but `columns`."""
        given = self.odds() | columns
        if self.random.random() < 0.2 and not given.get("is_e_invoice"):
            person = await self.billing.person()
            return await self.billing.invoice(await self.billing.deal(), contact_id=person, **given)
        deal = await self.billing.deal(await self.billing.company(), deal_type=self.random.choice(self.deal_types))
        return await self.billing.invoice(deal, **given)

    async def to(self, **columns: Any) -> UUID:
        """To a company with these columns."""
        return await self.billing.invoice(await self.billing.deal(await self.billing.company(**columns)), **self.odds())

    async def published(self, **columns: Any) -> UUID:
        invoice = await self.usual(**columns)
        assert (await self.billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        return invoice

    async def beside(self, **columns: Any) -> tuple[UUID, str]:
        """An invoice to a company that has a contact in sevDesk, and that contact's id."""
        company = await self.billing.company()
        deals = [await self.billing.deal(company) for _ in range(2)]
        first = await self.billing.invoice(deals[0])
        assert (await self.billing.do("publish_invoice", invoice_id=first))["state"] == "done"
        contact: str = await self.billing.db.fetchval(
            "SELECT contact_id FROM sevdesk_contacts WHERE party_id = $1", company
        )
        return await self.billing.invoice(deals[1], **columns), contact

    async def there(self, *, finalize: bool = False, times: int = 1, **changed: Any) -> UUID:
        """One whose document somebody else has made, with `changed` fields."""
        invoice, _ = await self.beside()
        _, draft = await self.foreseen(invoice)
        assert draft is not None
        for _ in range(times):
            made = await self.account.client.save_invoice(replace(draft, **changed))
            if finalize:
                await self.account.client.send_by(made.id)
        return invoice

    async def spoilt(self, invoice: UUID, column: str, value: str) -> UUID:
        statement = f"UPDATE billing_invoices SET {column} = {value} WHERE id = $1"  # noqa: S608 - ours
        await self.billing.db.execute(statement, invoice)
        return invoice


Situation = Callable[[Scene], Awaitable[UUID]]


async def contact_deleted(scene: Scene) -> UUID:
    invoice, contact = await scene.beside()
    scene.sevdesk.sandbox.account.contacts.remove(scene.sevdesk.sandbox.account.contacts[int(contact)])
    return invoice


async def contact_changed(scene: Scene) -> UUID:
    invoice, contact = await scene.beside()
    statement = """UPDATE companies SET street = 'Neue Gasse 1', email = 'neu@example.com', name = 'Umbenannt'
                   WHERE id = (SELECT party_id FROM sevdesk_contacts WHERE contact_id = $1)"""
    await scene.billing.db.execute(statement, contact)
    return invoice


async def contacts_twice(scene: Scene) -> UUID:
    invoice = await scene.usual(is_e_invoice=False)
    forecast, _ = await scene.foreseen(invoice)
    assert forecast.context is not None
    for _ in range(scene.random.choice((1, 2))):
        await new_contact(scene.sevdesk, customer_number(forecast.context.party), "Doppelt")
    return invoice


async def final_over_advance(scene: Scene) -> UUID:
    """A final invoice that deducts the advance, nothing, or too little."""
    deal = await scene.billing.deal(await scene.billing.company())
    advance = await scene.billing.invoice(deal)
    assert (await scene.billing.do("publish_invoice", invoice_id=advance))["state"] == "done"
    deducts = scene.random.choice(("-100", "-50", None))
    figures = {"-100": ("100.00", "19.00", "119.00"), "-50": ("150.00", "28.50", "178.50")}
    net, tax, gross = figures.get(deducts or "", ("200.00", "38.00", "238.00"))
    items = (("1", "200", "19"), *((("1", deducts, "19"),) if deducts else ()))
    about = {"net_amount": net, "tax_amount": tax, "gross_amount": gross}
    return await scene.billing.invoice(deal, document_kind="SR", items=items, **about)


async def advance_after_final(scene: Scene) -> UUID:
    deal = await scene.billing.deal(await scene.billing.company())
    final = await scene.billing.invoice(deal, document_kind="SR")
    assert (await scene.billing.do("publish_invoice", invoice_id=final))["state"] == "done"
    return await scene.billing.invoice(deal)


async def refused_before(scene: Scene) -> UUID:
    """SevDesk refuses the e-invoice for something that its account lacks, and will do so again."""
    invoice = await scene.to()
    await scene.spoilt(invoice, "is_e_invoice", "true")
    scene.sevdesk.sandbox.account.switches.change({"e_invoice_missing": ["client_iban"]})
    job = await scene.billing.do("publish_invoice", invoice_id=invoice)
    assert job["problem"] == "e_invoice_data_missing"
    return invoice


async def published_and_changed(scene: Scene) -> UUID:
    invoice = await scene.published()
    return await scene.spoilt(invoice, *scene.random.choice((("payment_term_days", "99"), ("head_text", "'Anders'"))))


async def deleted_in_sevdesk(scene: Scene) -> UUID:
    """The draft of an earlier attempt was deleted by hand."""
    invoice = await scene.there()
    await scene.spoilt(invoice, "external_id", "'999999999'")
    return await scene.spoilt(invoice, "accounting_sync_status", "'drafted'")


async def foreign_money(scene: Scene) -> UUID:
    """XYZ is no currency, which only the XML of an e-invoice shows: that is judged after publishing."""
    currency = scene.random.choice(("USD", "JPY", "XYZ"))
    return await scene.usual(currency=currency, **({"is_e_invoice": False} if currency == "XYZ" else {}))


async def no_recipient(scene: Scene) -> UUID:
    return await scene.billing.invoice(await scene.billing.deal())


async def two_recipients(scene: Scene) -> UUID:
    deal = await scene.billing.deal(await scene.billing.company())
    await scene.billing.associate(deal, "company", await scene.billing.company(), "primary")
    return await scene.billing.invoice(deal)


async def template(scene: Scene) -> UUID:
    """One of the account, or one that it has not."""
    named = scene.random.choice(("573ef2706bd2d50366786471", "aaaaaaaaaaaaaaaaaaaaaaaa"))
    row = {"name": f"Layout {uuid4().hex[:6]}", "sevdesk_template_id": named}
    layout = await scene.billing._insert("billing_document_templates", row)
    return await scene.usual(document_template_id=layout)


SITUATIONS: dict[str, Situation] = {
    "right": Scene.usual,
    "published": Scene.published,
    "published and changed": published_and_changed,
    "gross sum": lambda scene: scene.usual(gross_amount="999.99"),
    "net sum": lambda scene: scene.usual(net_amount="1.00"),
    "not approved": lambda scene: scene.usual(document_status=scene.random.choice(("draft", "sent"))),
    "cancelled": lambda scene: scene.usual(document_status="cancelled", accounting_sync_status="cancelled"),
    "no recipient": no_recipient,
    "two recipients": two_recipients,
    "no city": lambda scene: scene.to(city=None),
    "no country": lambda scene: scene.to(country_code=None),
    "odd country": lambda scene: scene.to(country_code=scene.random.choice(("XX", "CH", "US"))),
    "no e-mail": lambda scene: scene.to(email=None),
    "wrong e-mail": lambda scene: scene.to(email="nicht eine adresse"),
    "unknown unit": lambda scene: scene.usual(unit="Fass"),
    "no tax": lambda scene: scene.usual(**FREE),
    "tax free to Austria": lambda scene: scene.usual(**FREE, tax_rule=3, document_kind="AR"),
    "odd rate": lambda scene: scene.usual(items=(("4", "25", "16"),), tax_amount="16.00", gross_amount="116.00"),
    "tax rule": lambda scene: scene.usual(tax_rule=scene.random.choice((2, 11, 17, 19, 99))),
    "old day": lambda scene: scene.usual(issue_date=time_to_day() - timedelta(days=40_000)),
    "next year": lambda scene: scene.usual(issue_date=time_to_day() + timedelta(days=400)),
    "wrong skonto": lambda scene: scene.usual(skonto_percent=Decimal(120), skonto_days=5),
    "foreign money": foreign_money,
    "no money": lambda scene: scene.usual(items=(("1", "0", "19"),), net_amount="0", tax_amount="0", gross_amount="0"),
    "template": template,
    "contact deleted": contact_deleted,
    "contact changed": contact_changed,
    "contacts twice": contacts_twice,
    "draft there": Scene.there,
    "draft with other text": lambda scene: scene.there(header="Von Hand"),
    "draft with other days": lambda scene: scene.there(invoice_date=time_to_day() - timedelta(days=3)),
    "drafts twice": lambda scene: scene.there(times=2),
    "finalized there": lambda scene: scene.there(finalize=True),
    "finalized with other text": lambda scene: scene.there(finalize=True, header="Von Hand"),
    "finalized twice": lambda scene: scene.there(finalize=True, times=2),
    "draft deleted": deleted_in_sevdesk,
    "final invoice": final_over_advance,
    "advance after final": advance_after_final,
    "refused before": refused_before,
}
