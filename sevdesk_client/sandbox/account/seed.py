"""Create many invoices at once, for benchmarks; those of one call share one DocumentFields to save memory."""

from datetime import timedelta
from decimal import Decimal

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.records import USER_ID, Contact, DocumentFields, Invoice, Position
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO, position_sums

STATUSES = (100, 200, 750, 1000)


def seed(
    account: Account,
    invoices: int,
    status: int = 200,
    prefix: str = "SEED-",
    start: int = 1,
    net: str = "100",
    tax_rate: str = "19",
    paid: str | None = None,
    age_seconds: int = 0,
) -> Object:
    """Create `invoices` invoices with contiguous ids and notes `prefix` + six digits counted from `start`.

    `paid` is the amount paid on each (default: all at status 1000, one euro at 750). `age_seconds` dates create and
    update back, so that updateAfter can tell a later change. Returns first and last id, note and number.
    """
    if status not in STATUSES:
        raise ValueError(f"status must be one of {STATUSES}")
    fields = _document_fields(account, Decimal(net), Decimal(tax_rate))
    default = {1000: fields.sums.gross, 750: Decimal(1)}.get(status, ZERO)
    amount = default if paid is None else Decimal(paid)
    made = [_add_invoice(account, fields, status, f"{prefix}{start + each:06d}", amount) for each in range(invoices)]
    if age_seconds:
        for each in made:
            each.create = each.update = each.create - timedelta(seconds=age_seconds)
        by_update = sorted(account.invoices.values(), key=lambda each: each.update)
        account.by_update = {each.id: each for each in by_update}
    ends = [made[0], made[-1]] if made else []
    return {
        "created": len(made),
        "ids": [str(each.id) for each in ends],
        "notes": [each.note for each in ends],
        "numbers": [each.number for each in ends],
        "contact_id": str(fields.contact_id),
        "sum_gross": str(fields.sums.gross),
    }


def _add_invoice(account: Account, fields: DocumentFields, status: int, note: str, paid: Decimal) -> Invoice:
    invoice = Invoice(*account.new_record(), fields, note, None, status=status, paid=paid)
    if status > 100:
        invoice.number = account.take_number()
        invoice.send_date = invoice.enshrined = invoice.create
        invoice.send_type = "VPDF"
    invoice.pay_date = account.today() if status == 1000 else None
    return account.add(invoice)


def _document_fields(account: Account, net: Decimal, rate: Decimal) -> DocumentFields:
    ident, create, update = account.new_record()
    own = {"name": "Seed GmbH", "customerNumber": f"SEED-{ident}"}
    contact = account.contacts.put(Contact(ident, create, update, own, 3))
    sums = position_sums(Decimal(1), net, ZERO, rate, True)
    position = Position(account.new_id(), "Leistung", None, Decimal(1), net, rate, ZERO, 1, 1, sums)
    return DocumentFields(
        contact_id=contact.id,
        contact_person_id=USER_ID,
        invoice_date=account.today(),
        header="Rechnung",
        time_to_pay=14,
        address_name="Seed GmbH",
        address_street="Musterweg 1",
        address_zip="10115",
        address_city="Berlin",
        delivery_date=account.today(),
        tax_rule=1,
        tax_text="Umsatzsteuer 19%",
        currency="EUR",
        positions=(position,),
        rates=((rate, sums),),
        sums=sums,
    )
