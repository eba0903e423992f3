"""Turns invoices and payments into DATEV postings: accounts, side and day.

Which postings sevDesk writes is not established; these follow German bookkeeping: one per invoice and tax rate, the
gross amount, debtor against a revenue account that computes the tax itself (Automatikkonto). So the postings of an
invoice add up to its gross sum.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.export_records import Debtor, Posting
from sevdesk_client.sandbox.account.formats import as_datetime, berlin_day
from sevdesk_client.sandbox.account.records import DocumentFields, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO, round_cents

CHARTS = ("SKR03", "SKR04")
BANK = (1200, 1800)
PLAIN_REVENUE = (8200, 4200)  # computes no tax, so a BU-Schlüssel is needed
KEYS = {Decimal(19): "0003", Decimal(7): "0002"}  # Umsatzsteuer 19 % and 7 %
# (tax rule, rate) -> account in SKR03 and in SKR04; comments are the names in DATEV's charts.
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
# One Stop Shop: by tax rule, for any rate.
ONE_STOP_SHOP = {18: (8320, 4320), 19: (8331, 4331), 20: (8331, 4331)}
_IMAGES = UUID("6f1d4d0e-7a53-4d5e-9d0c-2f1b4c8e9a10")  # any fixed namespace, so that GUIDs do not change


def invoices_of(account: Account, start: datetime, end: datetime, by_pay_date: bool, enshrined: bool) -> list[Invoice]:
    """Finalised invoices of a period in order of posting day; with `by_pay_date` only paid ones (official)."""

    def within(each: Invoice) -> bool:
        day = each.pay_date if by_pay_date else each.fields.invoice_date
        return day is not None and start <= as_datetime(day) <= end

    invoices = (each for each in account.invoices.values() if each.type != "MA")  # a reminder is no turnover
    final = (each for each in invoices if each.status >= 200 and (enshrined or not each.enshrined))
    return sorted(filter(within, final), key=lambda each: (posting_day(each, by_pay_date), each.id))


def credit_notes_of(account: Account, start: datetime, end: datetime, enshrined: bool) -> list[Invoice]:
    """Finalised credit notes of a period, as invoices with negative sums; that they are exported is inferred."""
    notes = (each for each in account.credit_notes.values() if each.status >= 200 and (enshrined or not each.enshrined))
    within = (each for each in notes if start <= as_datetime(each.fields.invoice_date) <= end)
    return [each.as_invoice(negated=True) for each in within]


def posting_day(invoice: Invoice, by_pay_date: bool) -> date:
    """The invoice date, or in an export by pay date the pay date, which lies in the export's period (inferred)."""
    return berlin_day(invoice.pay_date if by_pay_date and invoice.pay_date else invoice.fields.invoice_date)


def revenues(account: Account, invoices: Iterable[Invoice], by_pay_date: bool) -> Iterator[Posting]:
    """Postings of invoices: debtor against revenue; a cancellation's negative sums give the other side."""
    for invoice in invoices:
        fields = invoice.fields
        debtor, day = debtor_of(account, fields.contact_id), posting_day(invoice, by_pay_date)
        for rate, sums in fields.rates:
            if sums.gross == 0:
                continue  # DATEV refuses postings of zero (official)
            booked, currency = _booked(sums.gross, fields)
            contra_account, tax_key = _revenue_account(account, fields.tax_rule, rate)
            yield Posting(
                amount=abs(booked),
                side="S" if sums.gross > 0 else "H",
                account=debtor,
                contra_account=contra_account,
                day=day,
                number=invoice.number or "",
                text=(fields.header if invoice.type in ("SR", "CN") else fields.address_name) or "",
                currency=currency,
                tax_key=tax_key,
                due=None if fields.time_to_pay is None else day + timedelta(days=min(fields.time_to_pay, 3650)),
                image_guid=image_guid(invoice),
            )


def _booked(amount: Decimal, fields: DocumentFields) -> tuple[Decimal, str]:
    """The amount and currency that are posted: the account's, if the document's sums are converted to it (inferred)."""
    rate = fields.exchange_rate
    return (round_cents(amount * rate), "EUR") if rate else (amount, fields.currency)


def _revenue_account(account: Account, rule: int, rate: Decimal) -> tuple[int, str]:
    column = CHARTS.index(account.switches.datev_chart)
    if account.switches.datev_accounts == "keyed" and rule == 1 and rate in KEYS:
        return PLAIN_REVENUE[column], KEYS[rate]
    pair = ONE_STOP_SHOP.get(rule) or REVENUE.get((rule, int(rate)), PLAIN_REVENUE)
    return pair[column], ""


def payments(account: Account, start: datetime, end: datetime) -> Iterator[Posting]:
    """Postings of payments in a period: bank against debtor; a refund gives the other side."""
    bank = BANK[CHARTS.index(account.switches.datev_chart)]
    booked = [each for each in account.transactions.values() if each.status == 400 and each.invoice_id is not None]
    last = {each.invoice_id: each.id for each in booked}
    for each in sorted(booked, key=lambda each: (each.value_date, each.id)):
        invoice = account.invoices.get(each.invoice_id or 0)
        if invoice is None or not start <= as_datetime(each.value_date) <= end:
            continue
        # By how much a closed invoice was underpaid is posted with its last payment.
        closed = invoice.status == 1000 and invoice.pay_date is not None and last[invoice.id] == each.id
        posted, currency = _booked(each.amount, invoice.fields)
        short = max(invoice.fields.sums.gross - invoice.paid, ZERO) if closed else ZERO
        yield Posting(
            amount=abs(posted),
            side="S" if each.amount > 0 else "H",
            account=bank,
            contra_account=debtor_of(account, invoice.fields.contact_id),
            day=each.value_date,
            number=invoice.number or "",
            text=invoice.fields.address_name or "",
            currency=currency,
            skonto=_booked(short, invoice.fields)[0],
        )


def debtor_of(account: Account, contact_id: int) -> int:
    """A contact's debtor account, assigned at its first posting; debtors have 10000 to 69999 in both charts."""
    return account.debtors.setdefault(contact_id, 10001 + len(account.debtors))


def debtors(account: Account, postings: Iterable[Posting]) -> tuple[Debtor, ...]:
    """All debtors with a posting, in order of account."""
    used = {each.account for each in postings} | {each.contra_account for each in postings}
    return tuple(_debtor(account, ident, number) for ident, number in account.debtors.items() if number in used)


def _debtor(account: Account, contact_id: int, number: int) -> Debtor:
    contact = account.contacts.get(contact_id)
    address = next(iter(account.addresses.with_key(contact_id)), None)
    country = master_data.COUNTRIES[address.country_id if address else 1][0].upper()
    email = account.email_of(contact_id)
    return Debtor(number, contact.fields if contact else {}, address.fields if address else {}, country, email)


def image_guid(invoice: Invoice) -> str:
    """The GUID that links an invoice's postings with its document image, the same in every export."""
    return str(uuid5(_IMAGES, str(invoice.id))).upper()
