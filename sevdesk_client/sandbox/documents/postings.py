"""From invoices and payments to postings: which accounts, which side, which day.

Which postings sevDesk itself writes is not established; these are what German bookkeeping would have. One per invoice
and tax rate, gross, debtor against a revenue account that computes the tax itself (Automatikkonto), so the postings of
an invoice add up to its sum.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.export_records import Debtor, Posting
from sevdesk_client.sandbox.account.formats import berlin_day, instant
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO

CHARTS = ("SKR03", "SKR04")
BANK = (1200, 1800)
PLAIN_REVENUE = (8200, 4200)  # computes no tax: the BU-Schlüssel says which
KEYS = {Decimal(19): "0003", Decimal(7): "0002"}  # Umsatzsteuer 19 % and 7 %
# (tax rule, rate) -> account in SKR03 and SKR04, named after DATEV's charts.
REVENUE = {
    (1, 19): (8400, 4400),  # Erlöse 19 % USt
    (1, 7): (8300, 4300),  # Erlöse 7 % USt
    (1, 0): (8290, 4290),  # Erlöse 0 % USt
    (2, 0): (8120, 4120),  # steuerfreie Ausfuhren, § 4 Nr. 1a UStG
    (3, 0): (8125, 4125),  # steuerfreie innergemeinschaftliche Lieferungen, § 4 Nr. 1b UStG
    (3, 7): (8310, 4310),  # im Inland steuerpflichtige EU-Lieferungen 7 %
    (3, 19): (8315, 4315),  # im Inland steuerpflichtige EU-Lieferungen 19 %
    (4, 0): (8100, 4100),  # steuerfrei, § 4 Nr. 8 ff. UStG
    (5, 0): (8337, 4337),  # Leistungsempfänger schuldet die Steuer, § 13b UStG
    (11, 0): (8195, 4185),  # Kleinunternehmer, § 19 UStG
    (17, 0): (8338, 4338),  # im Drittland steuerbar, im Inland nicht
    (21, 0): (8336, 4336),  # im anderen EU-Land steuerpflichtig, der Empfänger schuldet die Steuer
}
# One Stop Shop: by rule, whatever the country's rate.
ONE_STOP_SHOP = {18: (8320, 4320), 19: (8331, 4331), 20: (8331, 4331)}
_IMAGES = UUID(
    "6f1d4d0e-7a53-4d5e-9d0c-2f1b4c8e9a10"
)  # any fixed one: the same invoice has the same GUID in each export


def invoices_of(account: Account, start: datetime, end: datetime, by_pay_date: bool, enshrined: bool) -> list[Invoice]:
    """The finished documents of a period, in order of their day; by_pay_date only paid ones (official)."""

    def within(each: Invoice) -> bool:
        day = each.pay_date if by_pay_date else each.letter.invoice_date
        return day is not None and start <= instant(day) <= end

    final = (each for each in account.invoices.values() if each.status >= 200 and (enshrined or not each.enshrined))
    return sorted(filter(within, final), key=lambda each: (posting_day(each, by_pay_date), each.id))


def posting_day(invoice: Invoice, by_pay_date: bool) -> date:
    """The document's day; the day of payment in an export by pay date, whose period admits no other (inferred)."""
    return berlin_day(invoice.pay_date if by_pay_date and invoice.pay_date else invoice.letter.invoice_date)


def revenues(account: Account, invoices: Iterable[Invoice], by_pay_date: bool) -> Iterator[Posting]:
    """What was invoiced: debtor against revenue. A cancellation has its signs, hence its sides, turned round."""
    for invoice in invoices:
        letter = invoice.letter
        debtor, day = debtor_of(account, letter.contact_id), posting_day(invoice, by_pay_date)
        for rate, sums in letter.rates:
            if sums.gross == 0:
                continue  # DATEV takes no postings of nothing (official)
            contra, key = _revenue_account(account, letter.tax_rule, rate)
            yield Posting(
                amount=abs(sums.gross),
                side="S" if sums.gross > 0 else "H",
                account=debtor,
                contra=contra,
                day=day,
                number=invoice.number or "",
                text=(letter.header if invoice.type == "SR" else letter.address_name) or "",
                currency=letter.currency,
                key=key,
                due=None if letter.time_to_pay is None else day + timedelta(days=min(letter.time_to_pay, 3650)),
                document=image_id(invoice),
            )


def _revenue_account(account: Account, rule: int, rate: Decimal) -> tuple[int, str]:
    column = CHARTS.index(account.switches.datev_chart)
    if account.switches.datev_accounts == "keyed" and rule == 1 and rate in KEYS:
        return PLAIN_REVENUE[column], KEYS[rate]
    pair = ONE_STOP_SHOP.get(rule) or REVENUE.get((rule, int(rate)), PLAIN_REVENUE)
    return pair[column], ""


def payments(account: Account, start: datetime, end: datetime) -> Iterator[Posting]:
    """What was paid in a period: bank against debtor, money that went back turned round."""
    bank = BANK[CHARTS.index(account.switches.datev_chart)]
    booked = [each for each in account.transactions.values() if each.status == 400 and each.invoice_id is not None]
    last = {each.invoice_id: each.id for each in booked}
    for each in sorted(booked, key=lambda each: (each.value_date, each.id)):
        invoice = account.invoices.get(each.invoice_id or 0)
        if invoice is None or not start <= instant(each.value_date) <= end:
            continue
        yield Posting(
            amount=abs(each.amount),
            side="S" if each.amount > 0 else "H",
            account=bank,
            contra=debtor_of(account, invoice.letter.contact_id),
            day=each.value_date,
            number=invoice.number or "",
            text=invoice.letter.address_name or "",
            currency=invoice.letter.currency,
            skonto=_skonto(invoice) if last[invoice.id] == each.id else ZERO,
        )


def _skonto(invoice: Invoice) -> Decimal:
    """What a closed invoice was let off; it stands beside the last of its payments."""
    closed = invoice.status == 1000 and invoice.pay_date is not None
    return max(invoice.letter.sums.gross - invoice.paid, ZERO) if closed else ZERO


def debtor_of(account: Account, contact_id: int) -> int:
    """A contact's account, given at its first posting and kept; debtors have 10000 to 69999 in both charts."""
    return account.debtors.setdefault(contact_id, 10001 + len(account.debtors))


def debtors(account: Account, postings: Iterable[Posting]) -> tuple[Debtor, ...]:
    """Everybody who is posted to, in order of account."""
    used = {each.account for each in postings} | {each.contra for each in postings}
    return tuple(_debtor(account, ident, number) for ident, number in account.debtors.items() if number in used)


def _debtor(account: Account, contact_id: int, number: int) -> Debtor:
    get = account.contacts[contact_id].fields.get if contact_id in account.contacts else dict[str, str]().get
    address = next(iter(account.addresses.having(contact_id)), None)
    fields = address.fields if address else {}
    mails = (each.value for each in account.ways.having(contact_id) if each.type == "EMAIL")
    return Debtor(
        account=number,
        company=get("name"),
        surname=get("familyname"),
        given_name=get("surename"),  # sevDesk's word for it
        vat_number=get("vatNumber"),
        street=fields.get("street"),
        zip=fields.get("zip"),
        city=fields.get("city"),
        country=master_data.COUNTRIES[address.country_id if address else 1][0].upper(),
        email=next(mails, None),
    )


def image_id(invoice: Invoice) -> str:
    """The GUID under which the invoice's image and its postings know each other."""
    return str(uuid5(_IMAGES, str(invoice.id))).upper()


def without_images(postings: Iterable[Posting]) -> Iterator[Posting]:
    """The same, for an export without documents."""
    return (replace(each, document="") for each in postings)
