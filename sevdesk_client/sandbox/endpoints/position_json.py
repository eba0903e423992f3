"""The JSON of an invoice position in read and save answers."""

from collections.abc import Callable
from decimal import Decimal

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Json, Object, decimal_text, head_json, number, ref, timestamp
from sevdesk_client.sandbox.account.records import CLIENT, Invoice, Position
from sevdesk_client.sandbox.account.sums import NO_SUMS, Sums


def position_json(invoice: Invoice, position: Position) -> Object:
    """A position in a read answer: all values are strings, unit prices unrounded (2023 capture)."""
    return {
        **head_json("InvoicePos", position.id),
        "create": timestamp(invoice.create),
        "update": timestamp(invoice.update),
        "invoice": ref(invoice.id, "Invoice"),
        **_values(position, invoice.fields.show_net, decimal_text, invoice.fields.exchange_rate),
    }


def saved_position_json(
    position: Position, invoice: Object, show_net: bool, exchange_rate: Decimal | None = None
) -> Object:
    """A position in the save answer: JSON numbers, taxRate "19.00", quantity true when it is 1 (capture)."""
    sums = _accounting(position, exchange_rate)
    foreign = position.sums if exchange_rate else NO_SUMS
    return {
        **head_json("InvoicePos", position.id),
        "create": None,
        "update": None,
        "invoice": invoice,
        **_values(position, show_net, number, exchange_rate),
        "quantity": True if position.quantity == 1 else number(position.quantity),
        "priority": 100,
        "unity": master_data.unity(position.unity_id),
        "positionNumber": position.number,
        "isPercentage": True,
        "discountedValue": None,
        "taxRate": f"{position.tax_rate:.2f}",
        "temporary": None,
        "sumNet": number(sums.net),
        "sumTax": number(sums.tax),
        "sumGross": number(sums.gross),
        "sumNetForeignCurrency": number(foreign.net),
        "sumTaxForeignCurrency": number(foreign.tax),
        "sumGrossForeignCurrency": number(foreign.gross),
        "sumDiscountForeignCurrency": number(foreign.discount),
        "createNextPart": False,
    }


def _accounting(position: Position, exchange_rate: Decimal | None) -> Sums:
    return position.sums.converted(exchange_rate) if exchange_rate else position.sums


def _values(
    position: Position, show_net: bool, form: Callable[[Decimal], Json], exchange_rate: Decimal | None
) -> Object:
    """The keys that both answers have; unit prices are unrounded (live, two captures), quotients to eight decimals."""
    factor, sums = 1 + position.tax_rate / 100, _accounting(position, exchange_rate)
    net = position.price if show_net else round(position.price / factor, 8)
    gross = net * factor if show_net else position.price
    return {
        "quantity": form(position.quantity),
        "price": form(position.price),
        "name": position.name,
        "priority": "100",
        "unity": ref(position.unity_id, "Unity"),
        "sevClient": CLIENT,
        "positionNumber": str(position.number),
        "text": position.text,
        "discount": form(position.discount),
        "isPercentage": "1",
        "taxRate": form(position.tax_rate),
        "sumDiscount": form(sums.discount),
        "sumNetAccounting": form(sums.net),
        "sumTaxAccounting": form(sums.tax),
        "sumGrossAccounting": form(sums.gross),
        "priceNet": form(net),
        "priceGross": form(gross),
        "priceTax": form(gross - net),
    }
