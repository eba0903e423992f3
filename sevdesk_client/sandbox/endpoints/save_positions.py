"""The lines of a saveInvoice body, its document discounts, and the sums of both."""

from dataclasses import replace

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, ident_of, truthy
from sevdesk_client.sandbox.account.records import Invoice, Letter, Position
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import CENT, ZERO, Discount, Sums, by_rate, line
from sevdesk_client.sandbox.endpoints.body_fields import amount, listed, mapped, required, text, whole
from sevdesk_client.sandbox.endpoints.errors import invalid, not_found

NUMBER_WHEN_OMITTED = 1000  # capture


def with_positions(account: Account, letter: Letter, body: Object, old: Invoice | None) -> Letter:
    """The letter with kept, changed and new lines, discounts and sums."""
    letter = replace(letter, positions=_positions(account, body, old, letter.show_net), discounts=_discounts(body, old))
    return _with_sums(account, letter)


def _with_sums(account: Account, letter: Letter) -> Letter:
    """The letter with its sums; the switch cent_off makes them wrong by one cent on purpose."""
    lines = [(each.tax_rate, each.sums, each.quantity * each.price) for each in letter.positions]
    rates, off = by_rate(lines, letter.discounts, letter.show_net, account.switches.rounding == "total")
    if account.switches.cent_off:
        first = next(iter(rates))
        rates[first] += Sums(tax=CENT, gross=CENT)
    total = sum(rates.values(), Sums())
    return replace(letter, rates=tuple(rates.items()), sums=replace(total, discount=off))


def _positions(account: Account, body: Object, old: Invoice | None, show_net: bool) -> tuple[Position, ...]:
    """At least one (official since 2023-07-24)."""
    kept = {each.id: each for each in old.letter.positions} if old else {}
    for gone in listed(body.get("invoicePosDelete")):
        kept.pop(ident_of(gone.get("id")) or 0, None)
    for data in listed(body.get("invoicePosSave")):
        ident = ident_of(data.get("id"))
        if ident is not None and ident not in kept:
            raise not_found("InvoicePos", ident, account.switches.not_found)
        position = _position(account, data, ident or account.new_id())
        kept[position.id] = position
    if not kept:
        raise invalid("The given document must have at least one position")
    lines = [replace(each, sums=_sums(each, show_net)) for each in kept.values()]
    return tuple(sorted(lines, key=lambda each: each.number))


def _position(account: Account, data: Object, ident: int) -> Position:
    mapped(data, "invoicePos", "InvoicePos")
    name = data.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid("The position needs a name")  # "in practice" (one report); wording inferred
    number = whole(data, "positionNumber")
    return Position(
        id=ident,
        name=name,
        text=text(data, "text"),
        quantity=amount(data, "quantity"),
        price=amount(data, "price"),
        tax_rate=amount(data, "taxRate").normalize(),
        discount=amount(data, "discount", ZERO),
        unity_id=required(account, data, "unity", "Unity", master_data.UNITIES),
        number=NUMBER_WHEN_OMITTED if number is None else number,
        sums=Sums(),
    )


def _sums(each: Position, show_net: bool) -> Sums:
    return line(each.quantity, each.price, each.discount, each.tax_rate, show_net)


def _discounts(body: Object, old: Invoice | None) -> tuple[Discount, ...]:
    """Document discounts, kept until deleted; `discount: false` marks a surcharge (official)."""
    kept = () if body.get("discountDelete") or old is None else old.letter.discounts
    return kept + tuple(_discount(each) for each in listed(body.get("discountSave")))


def _discount(data: Object) -> Discount:
    mapped(data, "discount", "Discounts")
    sign = 1 if truthy(data.get("discount", True)) else -1
    return Discount(text(data, "text") or "", truthy(data.get("percentage")), sign * amount(data, "value"))
