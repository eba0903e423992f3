"""What is wrong with an invoice's positions, sums or currency."""

from worker.domain.problems.problem_type import Actor, ProblemType, entry


def _invoice(code: str, cause: str, mend: str, ursache: str, abhilfe: str) -> ProblemType:
    """Mended in the billing system, then retried."""
    return entry(code, Actor.BILLING, cause, f"{mend}, then: sevdesk-worker retry {{job}}.",
                 ursache, f"{abhilfe}, dann: sevdesk-worker retry {{job}}.")  # fmt: skip


ENTRIES = (
    _invoice("positions_missing", "The invoice has no positions.", "Add at least one position in the billing system",
             "Die Rechnung hat keine Positionen.", "Im Abrechnungssystem mindestens eine Position ergänzen"),
    _invoice("currency_invalid", "{currency} is not the code of a currency in use (ISO 4217: three capital letters).",
             "Set the invoice's currency to a code such as EUR",
             "{currency} ist kein Kürzel einer gültigen Währung (ISO 4217: drei Großbuchstaben).",
             "Als Währung der Rechnung ein Kürzel wie EUR setzen"),
    _invoice("unit_unknown", "sevDesk has no unit for “{unit}” of position {position}; it has: {known}.",
             "Write one of these in the billing system, or add the unit in sevDesk (Settings, Units)",
             "sevDesk hat keine Einheit für „{unit}“ der Position {position}; es hat: {known}.",
             "Im Abrechnungssystem eine davon setzen oder die Einheit in sevDesk anlegen (Einstellungen, Einheiten)"),
    _invoice("position_figure_invalid",
             "Position {position} holds a figure that is no number or beyond a billion.",
             "Correct quantity, unit price or tax rate of the position",
             "Position {position} enthält einen Wert, der keine Zahl oder größer als eine Milliarde ist.",
             "Menge, Einzelpreis oder Steuersatz der Position berichtigen"),
    _invoice("position_name_missing", "Position {position} has no name.", "Name the position",
             "Position {position} hat keine Bezeichnung.", "Die Position benennen"),
    _invoice("position_quantity_zero", "Position {position} has the quantity 0.",
             "Remove the position or give it a quantity",
             "Position {position} hat die Menge 0.", "Die Position entfernen oder ihr eine Menge geben"),
    _invoice("position_price_decimals",
             "Position {position} has the unit price {price}, with more than four decimals.",
             "Round the unit price to four decimals",
             "Position {position} hat den Einzelpreis {price} mit mehr als vier Nachkommastellen.",
             "Den Einzelpreis auf vier Nachkommastellen runden"),
    _invoice("position_quantity_decimals",
             "Position {position} has the quantity {quantity}, with more than four decimals.",
             "Round the quantity to four decimals",
             "Position {position} hat die Menge {quantity} mit mehr als vier Nachkommastellen.",
             "Die Menge auf vier Nachkommastellen runden"),
    _invoice("totals_invalid",
             "Totals of the invoice are no numbers or beyond a trillion: {totals}.",
             "Correct them in the billing system",
             "Summen der Rechnung sind keine Zahlen oder größer als eine Billion: {totals}.",
             "Sie im Abrechnungssystem berichtigen"),
    _invoice("e_invoice_rounding",
             "At {rate} the positions carry {by_position} {currency} tax, each rounded; in an e-invoice that must be "
             "less than 1.00 {currency} off the tax of their sum, {from_total} {currency} (EN 16931, BR-S-09).",
             "Join positions until both are closer, or, unless the duty to issue e-invoices holds for it, publish it "
             "as an ordinary invoice (is_e_invoice false)",
             "Zu {rate} tragen die Positionen {by_position} {currency} Steuer, jede für sich gerundet; in einer "
             "E-Rechnung muss das um weniger als 1,00 {currency} von der Steuer ihrer Summe, {from_total} {currency}, "
             "abweichen (EN 16931, BR-S-09).",
             "Positionen zusammenfassen, bis beides näher beisammen liegt, oder sie, falls für sie keine "
             "E-Rechnungspflicht gilt, als gewöhnliche Rechnung führen (is_e_invoice false)"),
    _invoice("total_negative", "The gross total is negative: {gross} {currency}.",
             "Credit the difference on an invoice it corrects (credit_invoice), or cancel that one; or correct the "
             "positions",
             "Der Bruttobetrag ist negativ: {gross} {currency}.",
             "Den Unterschied zu einer Rechnung gutschreiben, die sie berichtigt (credit_invoice), oder diese "
             "stornieren; oder die Positionen berichtigen"),
    _invoice("type_needs_rule",
             "sevDesk makes an invoice of type {type} only under tax rules 1 and 11, and the invoice has rule "
             "{tax_rule}.",
             "Publish it as type RE (setting SEVDESK_INVOICE_TYPE_{kind}) or correct the invoice's tax rule",
             "sevDesk erstellt eine Rechnung der Art {type} nur unter den Steuerregeln 1 und 11, und die Rechnung hat "
             "Regel {tax_rule}.",
             "Sie als Art RE veröffentlichen (Einstellung SEVDESK_INVOICE_TYPE_{kind}) oder die Steuerregel der "
             "Rechnung berichtigen"),
    _invoice("type_needs_currency",
             "sevDesk makes an invoice of type {type} only in EUR, and the invoice is in {currency}.",
             "Publish it as type RE (setting SEVDESK_INVOICE_TYPE_{kind}) or correct the invoice's currency",
             "sevDesk erstellt eine Rechnung der Art {type} nur in EUR, und die Rechnung lautet auf {currency}.",
             "Sie als Art RE veröffentlichen (Einstellung SEVDESK_INVOICE_TYPE_{kind}) oder die Währung der Rechnung "
             "berichtigen"),
    _invoice("sums_differ",
             "The positions add up to net {net}, tax {tax}, gross {gross} {currency}, but the invoice says net "
             "{stated_net}, tax {stated_tax}, gross {stated_gross}.",
             "Correct the positions or the totals (each position is rounded, then they are added)",
             "Die Positionen ergeben netto {net}, Steuer {tax}, brutto {gross} {currency}, aber die Rechnung nennt "
             "netto {stated_net}, Steuer {stated_tax}, brutto {stated_gross}.",
             "Die Positionen oder die Summen berichtigen (jede Position wird gerundet, dann wird addiert)"),
    _invoice("sevdesk_sums_differ",
             "sevDesk computes net {net}, tax {tax}, gross {gross} {currency}; the invoice says net {stated_net}, tax "
             "{stated_tax}, gross {stated_gross}. The draft was deleted again.",
             "Correct the sums in the billing system",
             "sevDesk errechnet netto {net}, Steuer {tax}, brutto {gross} {currency}; die Rechnung nennt netto "
             "{stated_net}, Steuer {stated_tax}, brutto {stated_gross}. Der Entwurf wurde wieder gelöscht.",
             "Die Summen im Abrechnungssystem berichtigen"),
)  # fmt: skip
