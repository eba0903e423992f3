"""Where a final invoice and the advances of its deal do not fit. Sections are of the German VAT law (UStG)."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

ENTRIES = (
    entry("advances_not_deducted", Actor.BILLING,
          "Final invoice {number} deducts none of the advances of its deal, so that their tax would be shown and owed "
          "twice (§ 14 Abs. 5 Satz 2, § 14c Abs. 1 UStG). Advances, with date and net + tax: {advances}.",
          "Deduct them by negative positions at the same tax rates, or, if it bills only the rest, set its "
          f"final_invoice_form to remainder in the billing system, {RETRY}",
          "Die Schlussrechnung {number} zieht keinen der Abschläge ihres Geschäfts ab, sodass deren Steuer zweimal "
          "ausgewiesen und geschuldet würde (§ 14 Abs. 5 Satz 2, § 14c Abs. 1 UStG). Abschläge, mit Datum und netto + "
          "Steuer: {advances}.",
          "Sie durch negative Positionen zu denselben Steuersätzen abziehen oder, wenn nur der Rest berechnet wird, "
          f"ihr final_invoice_form im Abrechnungssystem auf remainder setzen, {ERNEUT}"),
    entry("advances_differ", Actor.BILLING,
          "The final invoices of the deal, {number} included, do not deduct its advances to the cent (§ 14 Abs. 5 Satz "
          "2, § 14c Abs. 1 UStG). By tax rate, deducted net / net of the advances: {rates}. Advances, with date and "
          "net + tax: {advances}.",
          "If it is right, for instance because a negative position is a discount: sevdesk-worker retry {job} --as "
          f"confirmed. Else correct the negative positions, {RETRY}",
          "Die Schlussrechnungen des Geschäfts, {number} eingeschlossen, ziehen seine Abschläge nicht auf den Cent ab "
          "(§ 14 Abs. 5 Satz 2, § 14c Abs. 1 UStG). Je Steuersatz, abgezogenes Netto / Netto der Abschläge: {rates}. "
          "Abschläge, mit Datum und netto + Steuer: {advances}.",
          "Ist das so richtig, etwa weil eine negative Position ein Rabatt ist: sevdesk-worker retry {job} --as "
          f"confirmed. Sonst die negativen Positionen berichtigen, {ERNEUT}", confirmable=True),
    entry("advance_tax_differs", Actor.BILLING,
          "Final invoice {number} deducts the net of the advances of its deal, and another tax than they show (§ 14 "
          "Abs. 5 Satz 2, § 14c Abs. 1 UStG). By tax rate, deducted tax / tax of the advances: {taxes}.",
          "Deduct each advance by positions of its own, which are rounded as on the advance, then: sevdesk-worker "
          "retry {job}. To let it pass: sevdesk-worker retry {job} --as confirmed.",
          "Die Schlussrechnung {number} zieht das Netto der Abschläge ihres Geschäfts ab, aber eine andere Steuer, als "
          "sie ausweisen (§ 14 Abs. 5 Satz 2, § 14c Abs. 1 UStG). Je Steuersatz, abgezogene Steuer / Steuer der "
          "Abschläge: {taxes}.",
          "Jeden Abschlag durch eigene Positionen abziehen, die wie auf dem Abschlag gerundet werden, dann: "
          "sevdesk-worker retry {job}. Um sie durchzulassen: sevdesk-worker retry {job} --as confirmed.",
          confirmable=True),
    entry("advance_cancelled_after_final", Actor.BILLING,
          "Advance {number} is cancelled or credited in part, and final invoices of its deal that are published "
          "account for it: {finals} (§ 14 Abs. 5 Satz 2, § 14c Abs. 1 UStG).",
          "If they do not account for it: sevdesk-worker retry {job} --as confirmed. Else cancel them, too, and issue "
          "correct ones; then: sevdesk-worker retry {job} --as confirmed.",
          "Der Abschlag {number} ist storniert oder in Teilen gutgeschrieben, und veröffentlichte Schlussrechnungen "
          "seines Geschäfts berücksichtigen ihn: {finals} (§ 14 Abs. 5 Satz 2, § 14c Abs. 1 UStG).",
          "Berücksichtigen sie ihn nicht: sevdesk-worker retry {job} --as confirmed. Sonst auch sie stornieren und "
          "richtige ausstellen; dann: sevdesk-worker retry {job} --as confirmed.", confirmable=True),
    entry("advance_after_final", Actor.BILLING,
          "Advance {number} comes after final invoices of its deal, which do not account for it: {finals}.",
          "If it is for something else: sevdesk-worker retry {job} --as confirmed. Else cancel it and bill the rest by "
          "another final invoice, or cancel the final invoice and issue one that deducts the advance.",
          "Der Abschlag {number} kommt nach Schlussrechnungen seines Geschäfts, die ihn nicht berücksichtigen: "
          "{finals}.",
          "Ist er für etwas anderes: sevdesk-worker retry {job} --as confirmed. Sonst ihn stornieren und den Rest "
          "durch eine weitere Schlussrechnung berechnen, oder die Schlussrechnung stornieren und eine ausstellen, die "
          "den Abschlag abzieht.", confirmable=True),
    entry("e_invoice_deducts_advances", Actor.BILLING,
          "Final invoice {number} is an e-invoice and deducts advances, which its structured part cannot show; that is "
          "tolerated until 2027-12-31 if the reckoning is attached inside the e-invoice.",
          "If the reckoning is attached: sevdesk-worker retry {job} --as confirmed. Else bill only the rest "
          f"(final_invoice_form remainder), or, unless the duty to issue e-invoices holds for it, publish it as "
          f"an ordinary invoice (is_e_invoice false), {RETRY}",
          "Die Schlussrechnung {number} ist eine E-Rechnung und zieht Abschläge ab, die ihr strukturierter Teil nicht "
          "zeigen kann; das ist bis 31.12.2027 geduldet, wenn die Abrechnung als Anhang in der E-Rechnung steckt.",
          "Steckt die Abrechnung darin: sevdesk-worker retry {job} --as confirmed. Sonst nur den Rest berechnen "
          f"(final_invoice_form remainder) oder sie, falls für sie keine "
          f"E-Rechnungspflicht gilt, als gewöhnliche Rechnung führen (is_e_invoice false), {ERNEUT}",
          confirmable=True),
)  # fmt: skip
