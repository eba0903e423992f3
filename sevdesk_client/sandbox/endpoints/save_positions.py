"""Positions and document discounts of a saveInvoice body, and the sums computed from them."""

from dataclasses import replace

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, is_true, parse_id
from sevdesk_client.sandbox.account.records import DocumentFields, Invoice, Position
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import CENT, ZERO, Discount, Sums, position_sums, sums_by_rate
from sevdesk_client.sandbox.endpoints import body_fields as read
from sevdesk_client.sandbox.endpoints.errors import invalid, not_found

NUMBER_WHEN_OMITTED = 1000  # capture


def with_positions(account: Account, fields: DocumentFields, body: Object, old: Invoice | None) -> DocumentFields:
    """The document with its kept, changed and new positions, its discounts and sums (switches rounding, cent_off)."""
    positions, discounts = _positions(account, body, old, fields.show_net), _discounts(body, old)
    lines = [(each.tax_rate, each.sums, each.quantity * each.price) for each in positions]
    rates, off = sums_by_rate(lines, discounts, fields.show_net, account.switches.rounding == "total")
    if account.switches.cent_off:
        rates[next(iter(rates))] += Sums(tax=CENT, gross=CENT)
    total = replace(sum(rates.values(), Sums()), discount=off)
    return replace(fields, positions=positions, discounts=discounts, rates=tuple(rates.items()), sums=total)


def _positions(account: Account, body: Object, old: Invoice | None, show_net: bool) -> tuple[Position, ...]:
    """All positions by positionNumber; at least one is required (official since 2023-07-24)."""
    kept = {each.id: each for each in old.fields.positions} if old else {}
    for gone in read.object_list(body.get("invoicePosDelete")):
        kept.pop(parse_id(gone.get("id")) or 0, None)
    for data in read.object_list(body.get("invoicePosSave")):
        ident = parse_id(data.get("id"))
        if ident is not None and ident not in kept:
            raise not_found("InvoicePos", ident, account.switches.not_found)
        position = _position(account, data, ident or account.new_id())
        kept[position.id] = position
    if not kept:
        raise invalid("The given document must have at least one position")
    lines = []
    for each in sorted(kept.values(), key=lambda each: each.number):
        sums = position_sums(each.quantity, each.price, each.discount, each.tax_rate, show_net)
        lines.append(replace(each, sums=sums))
    return tuple(lines)


def _position(account: Account, data: Object, ident: int) -> Position:
    read.model_object(data, "invoicePos", "InvoicePos")
    name = data.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid("The position needs a name")  # "in practice" (one report); wording inferred
    number = read.integer(data, "positionNumber")
    return Position(
        id=ident,
        name=name,
        text=read.text(data, "text"),
        quantity=read.amount(data, "quantity"),
        price=read.amount(data, "price"),
        tax_rate=read.amount(data, "taxRate").normalize(),
        discount=read.amount(data, "discount", ZERO),
        unity_id=read.required_reference(account, data, "unity", "Unity", master_data.UNITIES),
        number=NUMBER_WHEN_OMITTED if number is None else number,
        sums=Sums(),
    )


def _discounts(body: Object, old: Invoice | None) -> tuple[Discount, ...]:
    """Document discounts, kept until deleted; `discount: false` means a surcharge (official)."""
    kept = () if body.get("discountDelete") or old is None else old.fields.discounts
    added = []
    for data in read.object_list(body.get("discountSave")):
        read.model_object(data, "discount", "Discounts")
        value = read.amount(data, "value") * (1 if is_true(data.get("discount", True)) else -1)
        added.append(Discount(read.text(data, "text") or "", is_true(data.get("percentage")), value))
    return (*kept, *added)
