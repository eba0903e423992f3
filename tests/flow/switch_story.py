"""The lives of eight invoices in a sevDesk whose switches stand in one way, and what has to come of them.

What the story expects is written down per switch, not computed by the worker's rules. Whatever sevDesk does, a job is
done, or it is parked with a problem that names the cause; and no invoice has two numbers, mails or cancellations.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

from flow.billing import parameters, time_to_day
from flow.model_office import Office

from sevdesk_client.sandbox.account.records import Invoice as Document
from sevdesk_client.sandbox.account.switches import CHOICES, Switches
from sevdesk_client.sandbox.endpoints import paying

Setting = Mapping[str, Any]
# By moment: the job's state, its problem's code or None, and parameters of the problem, as far as they are expected.
Told = tuple[str, str | None, Mapping[str, str]]
StepResult = dict[str, Told]

YES_NO = (False, True)
# What the reports contradict each other in, where it touches a call of this story: saving, finalising, reading,
# fetching the PDF, paying, cancelling. The sandbox's README names the sources.
CONFLICTS: Mapping[str, tuple[Any, ...]] = {
    **{
        name: CHOICES[name]
        for name in (
            *("send_by_enshrines", "duplicate_number", "cancel_paid", "missing_address"),
            *("not_found", "tax_rule_check", "delivery_dates"),
        )
    },
    **dict.fromkeys(("pdf_raw", "trailing_keys_required"), YES_NO),
}
# What nobody knows, what was otherwise once, and what only some answers do, in the same calls.
OPEN_QUESTIONS: Mapping[str, tuple[Any, ...]] = {
    **{
        name: CHOICES[name]
        for name in (
            *("partial_status", "zero_sum", "rounding", "repeat_send_by", "duplicate_customer_number", "over_limit"),
            *("foreign_sums", "foreign_paid", "value_types"),
        )
    },
    **dict.fromkeys(("expand_references", "contact_type_main_broken"), YES_NO),
    "number_format": ("RE-%NUMBER", "R%YYYY/%MM/%NUMBER"),
}
# Met elsewhere: exports and e-invoices have stories of their own, under three no invoice or no look-up is as it should
# be, and the worker neither resets nor configures, sends all
# that a row needs, and has reminders and Skonto in tests of their own.
ELSEWHERE = {
    *("e_invoice_missing", "e_invoice_faults", "xml_backend_down", "credit_note_xml", "taken_credit_number"),
    *("small_business", "cent_off", "ignored_filters", "final_dates"),
    *("reset_enshrined", "export_config_access", "sql_faults", "reminders_listed", "skonto_decimals"),
    *(each.name for each in fields(Switches) if each.name.startswith("datev_")),
}


def every_setting() -> Iterator[Setting]:
    """The full product of the conflicts."""
    yield from (dict(zip(CONFLICTS, values, strict=True)) for values in product(*CONFLICTS.values()))


def pairs(choices: Mapping[str, tuple[Any, ...]]) -> list[Setting]:
    """A few settings in which any two switches meet in each of their combinations; the same ones each time."""
    names = sorted(choices, key=lambda name: -len(choices[name]))
    missing = {
        ((a, x), (b, y)) for i, a in enumerate(names) for b in names[i + 1 :] for x in choices[a] for y in choices[b]
    }
    chosen: list[Setting] = []
    while missing:
        setting: dict[str, Any] = {}
        for name in names:
            setting[name] = max(choices[name], key=lambda value: _met(missing, setting, (name, value)))
        missing -= {pair for pair in missing if all(setting[name] == value for name, value in pair)}
        chosen.append(setting)
    return chosen


def _met(missing: set[Any], setting: Setting, new: tuple[str, Any]) -> tuple[int, int]:
    """How many missing pairs a value makes with what is already set, and could still make."""
    able = [pair for pair in missing if new in pair]
    return sum(all(each == new or each in setting.items() for each in pair) for pair in able), len(able)


class Story:
    """One account, eight invoices."""

    def __init__(self, office: Office, setting: Setting) -> None:
        self.office, self.setting = office, setting
        self.told: StepResult = {}
        self.invoices: dict[str, UUID] = {}
        self.marks: dict[str, str] = {}

    async def live(self) -> None:
        """Everything, in order."""
        await self.office.begin()
        self.office.account.switches = Switches()
        self.office.account.switches.change(dict(self.setting))
        await self._write()
        await self._paid()
        await self._cancelled()
        await self._refused()
        await self._do("electronic", "publish_invoice")
        await self._do("zero", "publish_invoice")
        await self._foreign()
        await self._gone()

    async def _write(self) -> None:
        """A customer that sevDesk does not know yet, and what they owe."""
        billing = self.office.billing
        deal = await billing.deal(await billing.company())
        today, tomorrow = time_to_day(), time_to_day() + timedelta(days=1)
        cents = {"net_amount": "0.09", "tax_amount": "0.03", "gross_amount": "0.12"}
        nothing = {"net_amount": "0", "tax_amount": "0", "gross_amount": "0"}
        untaxed = {"net_amount": "250", "tax_amount": "0", "gross_amount": "250", "tax_rule": 11}
        self.invoices = {
            "paid": await billing.invoice(deal),
            "cents": await billing.invoice(deal, items=[("1", "0.03", "19")] * 3, **cents),
            "small": await billing.invoice(deal, items=[("1", "250", "0")], **untaxed),
            "dated": await billing.invoice(deal, service_from=today, service_to=today),
            "ahead": await billing.invoice(deal, service_from=tomorrow, service_to=tomorrow),
            "electronic": await billing.invoice(deal, is_e_invoice=True),
            "dollars": await billing.invoice(deal, currency="USD"),
            "gone": await billing.invoice(deal),
            "zero": await billing.invoice(deal, items=[("1", "100", "19"), ("-1", "100", "19")], **nothing),
        }
        self.marks = {name: (await billing.row(each))["invoice_number"] for name, each in self.invoices.items()}

    async def _paid(self) -> None:
        """Mailed, paid in two parts; and twice somebody wants to cancel it."""
        for kind in ("publish_invoice", "send_invoice"):
            await self._do("paid", kind)
        for part, amount in (("part", "19"), ("rest", "100")):
            self._pay("paid", amount)
            await self._do("paid", "sync_payments", f"sync {part}", invoice_id=None)
            await self._do("paid", "cancel_invoice", f"cancel {part}", reason="order withdrawn")
        await self._do("paid", "fetch_invoice_pdf")

    async def _cancelled(self) -> None:
        """Sums that tell how sevDesk rounds, and delivery today or tomorrow; cancelled, whatever came of them."""
        for name in ("cents", "dated", "ahead"):
            await self._do(name, "publish_invoice")
            await self._do(name, "send_invoice")
            await self._do(name, "cancel_invoice", reason="order withdrawn", notify=True)

    async def _refused(self) -> None:
        """A tax rule that the account does not have."""
        await self._do("small", "publish_invoice")
        await self._do("small", "cancel_invoice", reason="wrong rule")

    async def _foreign(self) -> None:
        """Not in the account's currency, and paid in two parts."""
        await self._do("dollars", "publish_invoice")
        for part, amount in (("part", "19"), ("rest", "100")):
            self._pay("dollars", amount)
            await self._do("dollars", "sync_payments", f"sync {part}", invoice_id=None)

    async def _gone(self) -> None:
        """Deleted in sevDesk by a person."""
        await self._do("gone", "publish_invoice")
        for document in self.documents("gone"):
            self.office.account.remove(document)
        await self._do("gone", "fetch_invoice_pdf")
        await self._do("gone", "sync_payments", invoice_id=None, full=True)

    async def _do(self, name: str, kind: str, moment: str | None = None, **payload: Any) -> None:
        """A job to its end."""
        asked = {"invoice_id": self.invoices[name]} | payload
        job_id = await self.office.ask(kind, **{key: value for key, value in asked.items() if value is not None})
        while await self.office.attempt() is not None:
            pass
        job = await self.office.billing.job(job_id)
        self.told[f"{name}: {moment or kind.partition('_')[0]}"] = job["state"], job["problem"], parameters(job)

    def _pay(self, name: str, amount: str) -> None:
        account = self.office.account
        for document in self.documents(name):
            paying.pay(account, document, Decimal(amount), account.today(), closes=False)

    def documents(self, name: str, kind: str = "RE") -> list[Document]:
        """What stands in sevDesk for an invoice: itself, or with SR its cancellations."""
        account = self.office.account
        marked = account.with_note(self.marks[name])
        return [each for each in marked if each.type == kind]
