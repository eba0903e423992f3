"""What is wrong with an e-invoice: found before it is made, or in the XML that sevDesk made."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

ENTRIES = (
    entry("e_invoice_invalid", Actor.ACCOUNTANT,
          "The e-invoice of {number} breaks official rules ({count}): {findings}.",
          "Correct the data in sevDesk or the billing system. A format fault, or one on a mandatory field, makes it no "
          "invoice in VAT law: cancel it (sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=TEXT) and "
          "issue a new one. To send it as it is: sevdesk-worker retry {job} --as confirmed.",
          "Die E-Rechnung zu {number} verletzt amtliche Regeln ({count}): {findings}.",
          "Die Daten in sevDesk oder im Abrechnungssystem berichtigen. Mit einem Formatfehler oder einem Fehler in "
          "einer Pflichtangabe ist sie umsatzsteuerlich keine Rechnung: sie stornieren (sevdesk-worker enqueue "
          "cancel_invoice invoice_id={number} reason=TEXT) und eine neue ausstellen. Um sie so zu senden, wie sie ist: "
          "sevdesk-worker retry {job} --as confirmed.", confirmable=True),
    entry("e_invoice_differs", Actor.ACCOUNTANT,
          "The XML of e-invoice {number} says something else than the invoice ({count}): {differences}.",
          f"Correct the document in sevDesk or the billing invoice, {RETRY} If the XML is right as it stands: "
          "sevdesk-worker retry {job} --as confirmed.",
          "Das XML der E-Rechnung {number} sagt etwas anderes als die Rechnung ({count}): {differences}.",
          f"Den Beleg in sevDesk oder die Rechnung im Abrechnungssystem berichtigen, {ERNEUT} Ist das XML so richtig: "
          "sevdesk-worker retry {job} --as confirmed.", confirmable=True),
    entry("credit_note_invalid", Actor.ACCOUNTANT,
          "The XML of credit note {credit_note} to e-invoice {number} breaks official rules or says something else "
          "than it should ({count}): {findings}.",
          f"Correct the data in sevDesk, {RETRY} To send it as it is: sevdesk-worker retry {{job}} --as confirmed.",
          "Das XML der Gutschrift {credit_note} zur E-Rechnung {number} verletzt amtliche Regeln oder sagt etwas "
          "anderes, als es soll ({count}): {findings}.",
          f"Die Daten in sevDesk berichtigen, {ERNEUT} Um sie so zu senden, wie sie ist: sevdesk-worker retry {{job}} "
          "--as confirmed.", confirmable=True),
    entry("cancellation_invalid", Actor.ACCOUNTANT,
          "The XML of cancellation {cancellation} of e-invoice {number} breaks official rules or says something else "
          "than it should ({count}): {findings}.",
          "The invoice is cancelled all the same; the document was neither stored nor mailed. Correct the data in "
          f"sevDesk, {RETRY} To take and send it as it is: sevdesk-worker retry {{job}} --as confirmed.",
          "Das XML des Stornos {cancellation} zur E-Rechnung {number} verletzt amtliche Regeln oder sagt etwas "
          "anderes, als es soll ({count}): {findings}.",
          "Storniert ist die Rechnung trotzdem; der Beleg wurde weder gespeichert noch versandt. Die Daten in sevDesk "
          f"berichtigen, {ERNEUT} Um ihn so zu nehmen und zu senden, wie er ist: sevdesk-worker retry {{job}} --as "
          "confirmed.", confirmable=True),
    entry("e_invoice_required", Actor.BILLING,
          "Invoice {number} has to be an e-invoice: since {since} they are a duty between companies in Germany (§ 14 "
          "Abs. 2 UStG).",
          f"Make it an e-invoice in the billing system (is_e_invoice true), {RETRY} Or set E_INVOICE_MODE to auto. If "
          "it is exempt: sevdesk-worker retry {job} --as confirmed.",
          "Rechnung {number} muss eine E-Rechnung sein: seit {since} sind diese zwischen Firmen im Inland Pflicht "
          "(§ 14 Abs. 2 UStG).",
          f"Sie im Abrechnungssystem als E-Rechnung führen (is_e_invoice true), {ERNEUT} Oder E_INVOICE_MODE auf auto "
          "setzen. Ist sie ausgenommen: sevdesk-worker retry {job} --as confirmed.", confirmable=True),
    entry("e_invoice_rule_broken", Actor.BILLING,
          "The e-invoice of {number} would break EN 16931, {rule}: {what}.",
          f"Correct it in the billing system, {RETRY} Or, unless the duty to issue e-invoices holds for it, publish it "
          "as an ordinary invoice (is_e_invoice false).",
          "Die E-Rechnung zu {number} würde EN 16931 verletzen, {rule}: {what}.",
          f"Im Abrechnungssystem berichtigen, {ERNEUT} Oder sie, falls für sie keine E-Rechnungspflicht gilt, als "
          "gewöhnliche Rechnung führen (is_e_invoice false)."),
    entry("leitweg_id_invalid", Actor.BILLING,
          "The buyer reference of {party} looks like a Leitweg-ID, and its check digits are wrong.",
          f"Correct it in the billing system, {RETRY}",
          "Die Käuferreferenz von {party} sieht wie eine Leitweg-ID aus, und ihre Prüfziffern sind falsch.",
          f"Sie im Abrechnungssystem berichtigen, {ERNEUT}"),
    entry("buyer_reference_missing", Actor.BILLING,
          "{party} looks like a public buyer, and has no buyer reference (Leitweg-ID), without which it refuses "
          "e-invoices.",
          f"Ask it for its Leitweg-ID and add that in the billing system, {RETRY}",
          "{party} sieht wie ein öffentlicher Auftraggeber aus und hat keine Käuferreferenz (Leitweg-ID), ohne die er "
          "E-Rechnungen ablehnt.",
          f"Dort nach der Leitweg-ID fragen und sie im Abrechnungssystem ergänzen, {ERNEUT}"),
)  # fmt: skip
