"""The JSON of an invoice position in read and save answers."""

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, decimal_text, number, record_json, ref
from sevdesk_client.sandbox.account.records import CLIENT, Invoice, Position
from sevdesk_client.sandbox.account.sums import Sums


def saved_position_json(position: Position, invoice: Object, show_net: bool) -> Object:
    """A position in the save answer: JSON numbers, taxRate "19.00", quantity true when it is 1 (capture)."""
    prices = _prices(position, show_net)
    sums = position.sums
    return {
        **record_json("InvoicePos", position.id, None, None),
        "invoice": invoice,
        "quantity": True if position.quantity == 1 else number(position.quantity),
        "price": number(position.price),
        "name": position.name,
        "priority": 100,
        "unity": master_data.unity(position.unity_id),
        "sevClient": CLIENT,
        "positionNumber": position.number,
        "text": position.text,
        "discount": number(position.discount),
        "isPercentage": True,
        "discountedValue": None,
        "taxRate": f"{position.tax_rate:.2f}",
        "temporary": None,
        "sumNet": number(sums.net),
        "sumGross": number(sums.gross),
        "sumDiscount": number(sums.discount),
        "sumTax": number(sums.tax),
        "sumNetAccounting": number(sums.net),
        "sumTaxAccounting": number(sums.tax),
        "sumGrossAccounting": number(sums.gross),
        "priceNet": number(prices.net),
        "priceGross": number(prices.gross),
        "priceTax": number(prices.tax),
        "sumNetForeignCurrency": 0,
        "sumTaxForeignCurrency": 0,
        "sumGrossForeignCurrency": 0,
        "sumDiscountForeignCurrency": 0,
        "createNextPart": False,
    }


def position_json(invoice: Invoice, position: Position) -> Object:
    """A position in a read answer: all values are strings, unit prices unrounded (2023 capture)."""
    prices, sums = _prices(position, invoice.fields.show_net), position.sums
    return {
        **record_json("InvoicePos", position.id, invoice.create, invoice.update),
        "invoice": ref(invoice.id, "Invoice"),
        "quantity": decimal_text(position.quantity),
        "price": decimal_text(position.price),
        "name": position.name,
        "priority": "100",
        "unity": ref(position.unity_id, "Unity"),
        "sevClient": CLIENT,
        "positionNumber": str(position.number),
        "text": position.text,
        "discount": decimal_text(position.discount),
        "isPercentage": "1",
        "taxRate": decimal_text(position.tax_rate),
        "sumDiscount": decimal_text(sums.discount),
        "sumNetAccounting": decimal_text(sums.net),
        "sumTaxAccounting": decimal_text(sums.tax),
        "sumGrossAccounting": decimal_text(sums.gross),
        "priceNet": decimal_text(prices.net),
        "priceGross": decimal_text(prices.gross),
        "priceTax": decimal_text(prices.tax),
    }


def _prices(position: Position, show_net: bool) -> Sums:
    """Net, tax and gross of one unit, unrounded (live, two captures); quotients have eight decimals."""
    factor = 1 + position.tax_rate / 100
    net = position.price if show_net else round(position.price / factor, 8)
    gross = position.price if not show_net else net * factor
    return Sums(net, gross - net, gross)
