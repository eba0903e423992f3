"""Where an invoice's tax rule does not fit its rates or its recipient. Sections are of the German VAT law (UStG)."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, ProblemType, entry

_LISTED, _GEFUEHRT = "sevDesk lists the rule for: {listed}.", "sevDesk führt die Regel für: {listed}."


def _no_choice(code: str, cause: str, mend: str, ursache: str, abhilfe: str) -> ProblemType:
    """Only mending the billing data helps."""
    return entry(code, Actor.BILLING, cause, f"{mend}, {RETRY}", ursache, f"{abhilfe}, {ERNEUT}")


def _perhaps_right(
    code: str,
    cause: str,
    mend: str,
    ursache: str,
    abhilfe: str,
    right: str = "it is right",
    richtig: str = "das so richtig",
) -> ProblemType:
    """A person may say that it is right: `right` and `richtig` name the condition."""
    return entry(code, Actor.BILLING,
                 cause, f"If {right}: sevdesk-worker retry {{job}} --as confirmed. Else {mend}, {RETRY}",
                 ursache, f"Ist {richtig}: sevdesk-worker retry {{job}} --as confirmed. Sonst {abhilfe}, {ERNEUT}",
                 confirmable=True)  # fmt: skip


ENTRIES = (
    # -- what sevDesk takes
    _no_choice("tax_rule_unknown", "Tax rule {tax_rule} is not one of sevDesk's rules for revenue.",
               "Set the invoice's tax rule to one of {known}",
               "Die Steuerregel {tax_rule} gehört nicht zu sevDesks Regeln für Erlöse.",
               "Als Steuerregel der Rechnung eine von {known} setzen"),
    _no_choice("tax_rate_not_allowed",
               "Position {position} carries {rate} tax, but sevDesk's tax rule {tax_rule} allows only {allowed}.",
               "Correct the tax rate or the invoice's tax rule",
               "Position {position} trägt {rate} Steuer, aber sevDesks Steuerregel {tax_rule} erlaubt nur {allowed}.",
               "Den Steuersatz oder die Steuerregel der Rechnung berichtigen"),
    _no_choice("oss_not_e_invoice", "sevDesk makes no e-invoice under tax rule {tax_rule} (One Stop Shop).",
               "Publish it as an ordinary invoice (is_e_invoice false) or choose another tax rule",
               "sevDesk erstellt unter Steuerregel {tax_rule} (One-Stop-Shop) keine E-Rechnung.",
               "Sie als gewöhnliche Rechnung führen (is_e_invoice false) oder eine andere Steuerregel wählen"),
    # -- VAT ids
    _no_choice(
        "vat_id_missing",
        "Invoice {number} has tax rule {tax_rule}, which wants a VAT id of another member state on the invoice "
        f"({{paragraph}}), and its recipient ({{party}}) has none. {_LISTED}",
        "Enter the company's VAT id in the billing system (persons have none there: name the company as recipient), or "
        "choose another tax rule",
        "Rechnung {number} hat die Steuerregel {tax_rule}, die eine USt-IdNr. eines anderen Mitgliedstaats auf der "
        f"Rechnung verlangt ({{paragraph}}), und ihr Empfänger ({{party}}) hat keine. {_GEFUEHRT}",
        "Die USt-IdNr. der Firma im Abrechnungssystem eintragen (Personen haben dort keine: die Firma als Empfänger "
        "benennen) oder eine andere Steuerregel wählen"),
    _no_choice(
        "vat_id_of_wrong_country",
        "Invoice {number} has tax rule {tax_rule}, which wants a VAT id of another member state ({paragraph}), and "
        f"that of its recipient ({{party}}) begins with {{prefix}}. {_LISTED}",
        "Enter a VAT id that another member state has given the company (those of Greece begin with EL), or choose "
        "another tax rule",
        "Rechnung {number} hat die Steuerregel {tax_rule}, die eine USt-IdNr. eines anderen Mitgliedstaats verlangt "
        f"({{paragraph}}), und die ihres Empfängers ({{party}}) beginnt mit {{prefix}}. {_GEFUEHRT}",
        "Eine USt-IdNr. eintragen, die ein anderer Mitgliedstaat der Firma erteilt hat (die Griechenlands beginnen mit "
        "EL), oder eine andere Steuerregel wählen"),
    _perhaps_right(
        "vat_id_invalid",
        "The VAT id of the recipient of invoice {number} ({party}) has a wrong form or wrong check digits, and tax "
        "rule {tax_rule} wants a valid one ({paragraph}).",
        "correct it in the billing system",
        "Die USt-IdNr. des Empfängers der Rechnung {number} ({party}) hat eine falsche Form oder falsche Prüfziffern, "
        "und die Steuerregel {tax_rule} verlangt eine gültige ({paragraph}).",
        "sie im Abrechnungssystem berichtigen",
        "the Federal Central Tax Office confirms it (§ 18e UStG)",
        "sie vom Bundeszentralamt für Steuern bestätigt (§ 18e UStG)"),
    _perhaps_right(
        "vat_id_elsewhere",
        "The VAT id of the recipient of invoice {number} ({party}) begins with {prefix}, its address is in {country}, "
        f"and tax rule {{tax_rule}} rests on the VAT id ({{paragraph}}). {_LISTED}",
        "correct VAT id or address in the billing system",
        "Die USt-IdNr. des Empfängers der Rechnung {number} ({party}) beginnt mit {prefix}, seine Anschrift liegt in "
        f"{{country}}, und die Steuerregel {{tax_rule}} stützt sich auf die USt-IdNr. ({{paragraph}}). {_GEFUEHRT}",
        "USt-IdNr. oder Anschrift im Abrechnungssystem berichtigen", "both are right", "beides richtig"),
    # -- the recipient's country and kind
    _perhaps_right(
        "reverse_charge_to_person",
        "Invoice {number} has tax rule {tax_rule}, under which the recipient owes the tax, and its recipient ({party}) "
        f"is a person; only a business owes it (§ 13b Abs. 5 UStG). {_LISTED}",
        "name the company as recipient, or choose another tax rule",
        "Rechnung {number} hat die Steuerregel {tax_rule}, nach der der Empfänger die Steuer schuldet, und ihr "
        f"Empfänger ({{party}}) ist eine Person; nur ein Unternehmer schuldet sie (§ 13b Abs. 5 UStG). {_GEFUEHRT}",
        "die Firma als Empfänger benennen oder eine andere Steuerregel wählen",
        "the person is a business", "die Person Unternehmer"),
    _perhaps_right(
        "export_within_eu",
        "Invoice {number} has tax rule {tax_rule} (export), and its recipient ({party}) has an address in {country}; "
        f"an export leaves the EU (§ 6 Abs. 1 UStG). {_LISTED}",
        "choose tax rule 3 for goods to another member state, or 1 within Germany",
        "Rechnung {number} hat die Steuerregel {tax_rule} (Ausfuhr), und ihr Empfänger ({party}) hat eine Anschrift in "
        f"{{country}}; eine Ausfuhr verlässt die EU (§ 6 Abs. 1 UStG). {_GEFUEHRT}",
        "die Steuerregel 3 für Waren in einen anderen Mitgliedstaat wählen, oder 1 innerhalb Deutschlands",
        "the goods leave the EU", "die Ware für ein Land außerhalb der EU bestimmt"),
    _perhaps_right(
        "untaxed_to_germany",
        "Invoice {number} has tax rule {tax_rule} (not taxable in Germany), and its recipient ({party}) has an address "
        f"in Germany; services to recipients there are usually taxed there (§ 3a Abs. 1 and 2 UStG). {_LISTED}",
        "choose tax rule 1",
        "Rechnung {number} hat die Steuerregel {tax_rule} (nicht im Inland steuerbar), und ihr Empfänger ({party}) hat "
        "eine Anschrift in Deutschland; Leistungen an Empfänger dort sind in der Regel dort steuerbar (§ 3a Abs. 1 und "
        f"2 UStG). {_GEFUEHRT}",
        "die Steuerregel 1 wählen",
        "the place of the service is abroad (§ 3a Abs. 3 UStG)", "der Leistungsort im Ausland (§ 3a Abs. 3 UStG)"),
    _perhaps_right(
        "untaxed_within_eu",
        "Invoice {number} has tax rule {tax_rule} (not taxable in Germany), and its recipient ({party}) has an address "
        "in {country}; a service to a business there is tax rule 21, with its VAT id (§ 3a Abs. 2, § 14a Abs. 1 UStG), "
        f"one to a consumer is usually taxed in Germany or by One Stop Shop (§ 3a Abs. 1 and 5 UStG). {_LISTED}",
        "choose tax rule 21, 1 or One Stop Shop",
        "Rechnung {number} hat die Steuerregel {tax_rule} (nicht im Inland steuerbar), und ihr Empfänger ({party}) hat "
        "eine Anschrift in {country}; eine Leistung an einen Unternehmer dort ist Steuerregel 21, mit dessen USt-IdNr. "
        "(§ 3a Abs. 2, § 14a Abs. 1 UStG), eine an einen Verbraucher ist in der Regel in Deutschland oder per "
        f"One-Stop-Shop steuerbar (§ 3a Abs. 1 und 5 UStG). {_GEFUEHRT}",
        "die Steuerregel 21, 1 oder One-Stop-Shop wählen",
        "the place of the service is abroad (§ 3a Abs. 3 UStG)", "der Leistungsort im Ausland (§ 3a Abs. 3 UStG)"),
    _perhaps_right(
        "german_tax_abroad",
        "Invoice {number} shows German tax, and its recipient ({party}) is a company with an address in {country}; "
        "services to businesses are taxed where these are (§ 3a Abs. 2 UStG), goods sent abroad are exempt (§ 4 Nr. 1 "
        f"UStG), and tax shown without being due is owed (§ 14c Abs. 1 UStG). {_LISTED}",
        "choose tax rule 3 or 21 (other member states), 2 or 17 (outside the EU)",
        "Rechnung {number} weist deutsche Steuer aus, und ihr Empfänger ({party}) ist eine Firma mit Anschrift in "
        "{country}; Leistungen an Unternehmer sind an deren Sitz steuerbar (§ 3a Abs. 2 UStG), ins Ausland versandte "
        "Waren steuerfrei (§ 4 Nr. 1 UStG), und zu Unrecht ausgewiesene Steuer wird geschuldet (§ 14c Abs. 1 UStG). "
        f"{_GEFUEHRT}",
        "die Steuerregel 3 oder 21 (andere Mitgliedstaaten), 2 oder 17 (außerhalb der EU) wählen",
        "the supply is taxable in Germany (§ 3a Abs. 3 UStG, or goods collected here)",
        "die Leistung in Deutschland steuerbar (§ 3a Abs. 3 UStG, oder hier abgeholte Ware)"),
    # -- rates
    _perhaps_right(
        "tax_on_exempt_supply",
        "Position {position} of invoice {number} carries {rate} tax under tax rule {tax_rule}; an intra-EU supply is "
        "exempt (§ 4 Nr. 1 Buchst. b UStG), and tax shown all the same is owed (§ 14c Abs. 1 UStG).",
        "set the position's tax rate to 0 and correct the totals",
        "Position {position} der Rechnung {number} trägt {rate} Steuer unter Steuerregel {tax_rule}; eine "
        "innergemeinschaftliche Lieferung ist steuerfrei (§ 4 Nr. 1 Buchst. b UStG), und dennoch ausgewiesene Steuer "
        "wird geschuldet (§ 14c Abs. 1 UStG).",
        "den Steuersatz der Position auf 0 setzen und die Summen berichtigen",
        "the position is no part of the supply", "die Position nicht Teil der Lieferung"),
    _perhaps_right(
        "zero_rate_without_reason",
        "Position {position} of invoice {number} carries 0% tax under tax rule {tax_rule}, and no text names the "
        "reason, for instance § 12 Abs. 3 UStG; an exemption must be named (§ 14 Abs. 4 Satz 1 Nr. 8 UStG).",
        "name the paragraph in the position's description, in head_text or in foot_text, or choose tax rule 4",
        "Position {position} der Rechnung {number} trägt 0% Steuer unter Steuerregel {tax_rule}, und kein Text nennt "
        "den Grund, etwa § 12 Abs. 3 UStG; eine Befreiung ist zu nennen (§ 14 Abs. 4 Satz 1 Nr. 8 UStG).",
        "die Vorschrift in der Beschreibung der Position, in head_text oder foot_text nennen oder die Steuerregel 4 "
        "wählen"),
    _no_choice(
        "small_business_shows_tax",
        "Position {position} carries {rate} tax under tax rule 11; a small business shows none (§ 19 Abs. 1 UStG), and "
        "owes what it shows all the same (§ 14c UStG).",
        "Set the tax rates to 0 and correct the totals, or choose tax rule 1",
        "Position {position} trägt {rate} Steuer unter Steuerregel 11; ein Kleinunternehmer weist keine aus (§ 19 Abs. "
        "1 UStG) und schuldet, was er dennoch ausweist (§ 14c UStG).",
        "Die Steuersätze auf 0 setzen und die Summen berichtigen oder die Steuerregel 1 wählen"),
    # -- One Stop Shop
    _perhaps_right(
        "oss_to_company",
        "Invoice {number} has tax rule {tax_rule} (One Stop Shop), and its recipient ({party}) is a company; the "
        f"scheme is for consumers (§ 3a Abs. 5, § 3c, § 18j UStG). {_LISTED}",
        "choose tax rule 3 or 21, with the company's VAT id",
        "Rechnung {number} hat die Steuerregel {tax_rule} (One-Stop-Shop), und ihr Empfänger ({party}) ist eine Firma; "
        f"das Verfahren gilt für Verbraucher (§ 3a Abs. 5, § 3c, § 18j UStG). {_GEFUEHRT}",
        "die Steuerregel 3 oder 21 mit der USt-IdNr. der Firma wählen",
        "it is no business, for instance a club without VAT id",
        "sie kein Unternehmer, etwa ein Verein ohne USt-IdNr."),
    _no_choice(
        "oss_outside_eu",
        "Invoice {number} has tax rule {tax_rule} (One Stop Shop), and the address of its recipient ({party}) is in "
        f"{{country}}; the scheme is for other member states (§ 3a Abs. 5, § 3c, § 18j UStG). {_LISTED}",
        "Choose tax rule 1 within Germany, or 2 or 17 outside the EU, or correct the address",
        "Rechnung {number} hat die Steuerregel {tax_rule} (One-Stop-Shop), und die Anschrift ihres Empfängers "
        "({party}) liegt in {country}; das Verfahren gilt für andere Mitgliedstaaten (§ 3a Abs. 5, § 3c, § 18j UStG). "
        f"{_GEFUEHRT}",
        "Innerhalb Deutschlands die Steuerregel 1 wählen, außerhalb der EU 2 oder 17, oder die Anschrift berichtigen"),
    _perhaps_right(
        "oss_rate_wrong",
        "Position {position} of invoice {number} carries {rate} tax under tax rule {tax_rule} (One Stop Shop), which "
        "wants the rate of the customer's country (§ 3a Abs. 5, § 3c UStG); in {country} the standard rate on {day} is "
        "{standard}, and {rate} is none of its reduced rates (rates known until {as_of}).",
        "set the position's tax rate to that of {country} and correct the totals",
        "Position {position} der Rechnung {number} trägt {rate} Steuer unter Steuerregel {tax_rule} (One-Stop-Shop), "
        "die den Satz im Land des Kunden verlangt (§ 3a Abs. 5, § 3c UStG); in {country} ist der Regelsatz am {day} "
        "{standard}, und {rate} ist keiner der ermäßigten Sätze (Stand der Sätze: {as_of}).",
        "den Steuersatz der Position auf den von {country} setzen und die Summen berichtigen",
        "{country} has this rate, for instance since a later day",
        "dies ein Satz von {country}, etwa seit einem späteren Tag"),
    _perhaps_right(
        "oss_rate_reduced",
        "Position {position} of invoice {number} carries {rate} tax, one of the reduced rates of {country}; whether it "
        "holds for this supply is not known here. The standard rate on {day} is {standard} (§ 3a Abs. 5, § 3c UStG).",
        "set the position's tax rate to {standard} and correct the totals",
        "Position {position} der Rechnung {number} trägt {rate} Steuer, einen der ermäßigten Sätze von {country}; ob "
        "er für diese Leistung gilt, ist hier nicht bekannt. Der Regelsatz am {day} ist {standard} (§ 3a Abs. 5, § 3c "
        "UStG).",
        "den Steuersatz der Position auf {standard} setzen und die Summen berichtigen",
        "the reduced rate holds for it", "der ermäßigte Satz anwendbar"),
)  # fmt: skip
