"""What keeps an invoice from being published, mailed or synchronised."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

ENTRIES = (
    # -- whether it may go out
    entry("invoice_not_approved", Actor.BILLING,
          "Invoice {number} is {status}; only approved invoices are published.",
          "Approve the invoice in the billing system, then ask again with a new job. A cancelled one stays so: issue a "
          "new invoice if one is owed.",
          "Rechnung {number} ist im Stand {status}; nur freigegebene (approved) Rechnungen werden veröffentlicht.",
          "Die Rechnung im Abrechnungssystem freigeben, dann mit einem neuen Auftrag erneut anfordern. Eine stornierte "
          "bleibt storniert: ist etwas zu berechnen, eine neue ausstellen."),
    entry("approval_withdrawn", Actor.BILLING,
          "Invoice {number} is {status}; only approved invoices are published, and a write to sevDesk whose outcome is "
          "unknown is still open.",
          f"Approve it again, {RETRY} Or cancel it: both find what is in sevDesk.",
          "Rechnung {number} ist im Stand {status}; nur freigegebene (approved) Rechnungen werden veröffentlicht, und "
          "ein Schreibvorgang in sevDesk mit unbekanntem Ausgang ist noch offen.",
          f"Sie wieder freigeben, {ERNEUT} Oder sie stornieren: beides findet, was in sevDesk steht."),
    entry("left_to_other_program", Actor.WORKER,
          "Another program publishes invoice {number}: the setting publish_only names neither it nor its deal's type.",
          "Nothing to do: when the other program has published it, the next payment sync takes it over. To publish it "
          "here, add it to publish_only (docs/operating.md), then ask again with a new job.",
          "Rechnung {number} veröffentlicht ein anderes Programm: publish_only nennt weder sie noch ihren Deal-Typ.",
          "Nichts zu tun: hat das andere Programm sie veröffentlicht, übernimmt sie der nächste Zahlungsabgleich. Soll "
          "sie hier veröffentlicht werden, sie in publish_only aufnehmen (docs/operating.md) und einen neuen Auftrag "
          "stellen."),
    entry("begun_before_other", Actor.OPERATOR,
          "Another program publishes invoice {number} by now (setting publish_only), and this worker had begun to: "
          "sevDesk has document {external_id} of it.",
          "If the other program has not published it: sevdesk-worker retry {job} --as confirmed. Else delete that "
          "document in sevDesk, enter the id of the other one as external_id, then: sevdesk-worker adopt.",
          "Rechnung {number} veröffentlicht inzwischen ein anderes Programm (Einstellung publish_only), und dieser "
          "Worker hatte damit begonnen: sevDesk hat davon den Beleg {external_id}.",
          "Hat das andere Programm sie nicht veröffentlicht: sevdesk-worker retry {job} --as confirmed. Sonst diesen "
          "Beleg in sevDesk löschen, die ID des anderen als external_id eintragen, dann: sevdesk-worker adopt.",
          confirmable=True),
    entry("other_publishes", Actor.REQUESTER,
          "Another program publishes invoice {number} (setting publish_only), and its document is not known here yet.",
          f"When a payment sync has taken it over, {RETRY} If the other program does not publish it, do there what is "
          "to be done.",
          "Rechnung {number} veröffentlicht ein anderes Programm (Einstellung publish_only), und ihr Beleg ist hier "
          "noch nicht bekannt.",
          f"Hat ein Zahlungsabgleich ihn übernommen, {ERNEUT} Veröffentlicht das andere Programm sie nicht, das Nötige "
          "dort tun."),
    entry("cancel_left_to_other", Actor.REQUESTER,
          "Another program publishes invoice {number} (setting publish_only) and may have published it: its document "
          "is not known here yet.",
          f"When a payment sync has taken it over, {RETRY} If the other program has not published it and never will: "
          "sevdesk-worker retry {job} --as confirmed.",
          "Rechnung {number} veröffentlicht ein anderes Programm (Einstellung publish_only) und hat es vielleicht "
          "schon getan: ihr Beleg ist hier noch nicht bekannt.",
          f"Hat ein Zahlungsabgleich ihn übernommen, {ERNEUT} Hat das andere Programm sie nicht veröffentlicht und "
          "wird es auch nicht: sevdesk-worker retry {job} --as confirmed.", confirmable=True),
    entry("invoice_value_unknown", Actor.BILLING,
          "{column} of invoice {invoice_id} is empty or holds a value that the worker does not know.",
          f"Correct it in the billing system (sql/billing/tables.sql lists the values), {RETRY}",
          "{column} der Rechnung {invoice_id} ist leer oder enthält einen Wert, den der Worker nicht kennt.",
          f"Ihn im Abrechnungssystem berichtigen (sql/billing/tables.sql nennt die Werte), {ERNEUT}"),
    entry("transition_not_allowed", Actor.BILLING,
          "{event} is not allowed while the invoice is {status}.",
          f"Check the invoice's status in the billing system, {RETRY}",
          "{event} ist nicht zulässig, solange die Rechnung im Stand {status} ist.",
          f"Den Stand der Rechnung im Abrechnungssystem prüfen, {ERNEUT}"),
    entry("other_write_open", Actor.OPERATOR,
          "Whether {action} of job {other_job} took effect is not known yet.",
          "First that job: sevdesk-worker why {other_job} says how it ends; then this one: sevdesk-worker retry {job}.",
          "Ob {action} des Auftrags {other_job} gewirkt hat, ist noch nicht bekannt.",
          "Zuerst jenen Auftrag: sevdesk-worker why {other_job} sagt, wie er endet; dann diesen: sevdesk-worker retry "
          "{job}."),
    entry("invoice_cancelled", Actor.BILLING,
          "Invoice {number} is cancelled.",
          "Nothing to do: a cancelled invoice stays so. Issue a new invoice if one is owed.",
          "Rechnung {number} ist storniert.",
          "Nichts zu tun: eine stornierte Rechnung bleibt storniert. Ist etwas zu berechnen, eine neue ausstellen."),
    entry("invoice_not_published", Actor.REQUESTER,
          "Invoice {number} is not published in sevDesk yet.",
          f"Publish it first: sevdesk-worker enqueue publish_invoice invoice_id={{number}}; {RETRY}",
          "Rechnung {number} ist in sevDesk noch nicht veröffentlicht.",
          f"Sie zuerst veröffentlichen: sevdesk-worker enqueue publish_invoice invoice_id={{number}}; {ERNEUT}"),
    entry("publication_parked", Actor.REQUESTER,
          "Invoice {number} is not published, because the job that was to publish it is parked.",
          "First that job: sevdesk-worker why {other_job} says what it needs; then this one: sevdesk-worker retry "
          "{job}.",
          "Rechnung {number} ist nicht veröffentlicht, weil der Auftrag dazu liegt.",
          "Zuerst jenen Auftrag: sevdesk-worker why {other_job} sagt, was er braucht; dann diesen: "
          "sevdesk-worker retry {job}."),
    entry("sevdesk_id_missing", Actor.BILLING,
          "Invoice {invoice_id} counts as published, and external_id, sevDesk's id for it, is empty.",
          f"Enter it in the billing system (sevdesk-worker show {{invoice_id}}: external_id of finalized), {RETRY}",
          "Rechnung {invoice_id} gilt als veröffentlicht, und external_id, sevDesks Kennung dafür, ist leer.",
          "Sie im Abrechnungssystem eintragen (sevdesk-worker show {invoice_id}: external_id bei finalized), "
          f"{ERNEUT}"),
    # -- sevDesk's document
    entry("marker_ambiguous", Actor.ACCOUNTANT,
          "sevDesk holds {count} invoices marked {number}: {ids}.",
          f"Delete the wrong ones in sevDesk so that one is left, {RETRY}",
          "sevDesk enthält {count} Rechnungen mit dem Merkmal {number}: {ids}.",
          f"Die falschen in sevDesk löschen, bis eine übrig ist, {ERNEUT}"),
    entry("marked_invoice_differs", Actor.ACCOUNTANT,
          "sevDesk invoice {external_id} is marked {number} and finalized, with other sums: net {net}, tax {tax}, "
          "gross {gross} {currency} there, net {stated_net}, tax {stated_tax}, gross {stated_gross} here.",
          f"Cancel it in sevDesk or correct the billing invoice, {RETRY}",
          "Die sevDesk-Rechnung {external_id} trägt das Merkmal {number} und ist festgeschrieben, mit anderen Summen: "
          "dort netto {net}, Steuer {tax}, brutto {gross} {currency}, hier netto {stated_net}, Steuer {stated_tax}, "
          "brutto {stated_gross}.",
          f"Sie in sevDesk stornieren oder die Rechnung im Abrechnungssystem berichtigen, {ERNEUT}"),
    entry("not_our_document", Actor.ACCOUNTANT,
          "sevDesk document {external_id} counts as invoice {number}, by its internal note or the id on record, but "
          "differs from it: {differences}.",
          "Look at it in sevDesk. If it is right as it stands: sevdesk-worker retry {job} --as confirmed. If it is "
          "another document, clear its internal note there, or external_id in the billing system; if it is wrong, "
          f"correct or cancel it there; {RETRY}",
          "Der sevDesk-Beleg {external_id} gilt nach seiner internen Notiz oder der verzeichneten ID als Rechnung "
          "{number}, weicht aber von ihr ab: {differences}.",
          "Ihn in sevDesk ansehen. Ist er so richtig: sevdesk-worker retry {job} --as confirmed. Ist es ein anderer "
          "Beleg, dort seine interne Notiz oder im Abrechnungssystem external_id leeren; ist er falsch, ihn dort "
          f"berichtigen oder stornieren; {ERNEUT}", confirmable=True),
    entry("pdf_differs", Actor.ACCOUNTANT,
          "The PDF that sevDesk gave for document {document_number} of invoice {number} is that of document "
          "{other_number}. It was neither stored nor mailed.",
          f"Look at the document's PDF in sevDesk; {RETRY} If the PDF is right as it stands: "
          "sevdesk-worker retry {job} --as confirmed.",
          "Das PDF, das sevDesk zum Beleg {document_number} der Rechnung {number} gab, ist das des Belegs "
          "{other_number}. Es wurde weder abgelegt noch versandt.",
          f"Das PDF des Belegs in sevDesk ansehen; {ERNEUT} Ist das PDF so richtig: "
          "sevdesk-worker retry {job} --as confirmed.", confirmable=True),
    entry("changed_after_publication", Actor.BILLING,
          "The billing system changed invoice {number} after its document was made: {columns}.",
          "To go on with the document as it is: sevdesk-worker retry {job} --as confirmed. Otherwise set the invoice "
          f"back, {RETRY} Or cancel it (sevdesk-worker enqueue cancel_invoice invoice_id={{number}} reason=TEXT) and "
          "issue a new one.",
          "Das Abrechnungssystem hat die Rechnung {number} geändert, nachdem ihr Beleg entstanden war: {columns}.",
          "Um mit dem Beleg weiterzumachen, wie er ist: sevdesk-worker retry {job} --as confirmed. Sonst die Rechnung "
          f"zurückändern, {ERNEUT} Oder sie stornieren (sevdesk-worker enqueue cancel_invoice "
          "invoice_id={number} reason=TEXT) und eine neue ausstellen.", confirmable=True),
    entry("cancelled_in_sevdesk", Actor.BILLING,
          "Invoice {number} was cancelled in sevDesk.",
          "Nothing to do: a cancelled invoice stays so. Issue a new invoice if one is owed.",
          "Rechnung {number} wurde in sevDesk storniert.",
          "Nichts zu tun: eine stornierte Rechnung bleibt storniert. Ist etwas zu berechnen, eine neue ausstellen."),
    # -- mail
    entry("mail_outcome_unknown", Actor.OPERATOR,
          "Whether the mail for {document} went out cannot be told from what sevDesk shows.",
          "Ask the recipient or look into the mail account, then answer: sevdesk-worker retry {job} --as done, or "
          "sevdesk-worker retry {job} --as not-done.",
          "Ob die E-Mail zu {document} hinausging, lässt sich aus sevDesks Angaben nicht erkennen.",
          "Beim Empfänger fragen oder im Postfach nachsehen, dann antworten: sevdesk-worker retry {job} --as done oder "
          "sevdesk-worker retry {job} --as not-done."),
    entry("nothing_to_undelete", Actor.REQUESTER,
          "Invoice {number} does not count as deleted in sevDesk.",
          "Nothing to do; sevdesk-worker show {number} tells where it stands.",
          "Die Rechnung {number} gilt nicht als in sevDesk gelöscht.",
          "Nichts zu tun; sevdesk-worker show {number} sagt, wo sie steht."),
    entry("still_gone", Actor.ACCOUNTANT,
          "sevDesk has no finalized invoice {number} under the id {external_id}; nothing was changed.",
          "Restore it in sevDesk, then ask again with a new job; or publish it anew: sevdesk-worker enqueue "
          "publish_invoice invoice_id={number}.",
          "sevDesk hat keine festgeschriebene Rechnung {number} unter der Kennung {external_id}; nichts wurde "
          "geändert.",
          "Sie in sevDesk wiederherstellen, dann mit einem neuen Auftrag erneut anfordern; oder sie neu "
          "veröffentlichen: sevdesk-worker enqueue publish_invoice invoice_id={number}."),
    entry("mail_not_on_record", Actor.OPERATOR,
          "sevDesk mailed {document} at {send_date}, and nothing of that is on record: it may be the mail that this "
          "job is to send.",
          "If it is to be mailed once more: sevdesk-worker retry {job} --as confirmed; else: sevdesk-worker dismiss "
          "{job} --reason TEXT.",
          "sevDesk hat {document} am {send_date} versandt, und davon ist nichts verzeichnet: es kann die E-Mail sein, "
          "die dieser Auftrag senden soll.",
          "Soll noch eine hinaus: sevdesk-worker retry {job} --as confirmed; sonst: sevdesk-worker dismiss {job} "
          "--reason TEXT.",
          confirmable=True),
    entry("mailed_document_gone", Actor.ACCOUNTANT,
          "Invoice {number} was not mailed, and sevDesk no longer has it.",
          "Let the worker notice it: sevdesk-worker enqueue sync_payments invoice_id={number}; publish it again: "
          f"sevdesk-worker enqueue publish_invoice invoice_id={{number}}; {RETRY}",
          "Rechnung {number} wurde nicht versandt, und sevDesk hat sie nicht mehr.",
          "Es den Worker merken lassen: sevdesk-worker enqueue sync_payments invoice_id={number}; sie neu "
          f"veröffentlichen: sevdesk-worker enqueue publish_invoice invoice_id={{number}}; {ERNEUT}"),
    entry("status_forbids_sending", Actor.BILLING,
          "Invoice {number} is published, but {status} in the billing system, so it is not sent.",
          "To cancel it in sevDesk, too: sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=TEXT. If it "
          f"stands: set document_status to approved in the billing system, {RETRY}",
          "Rechnung {number} ist veröffentlicht, im Abrechnungssystem aber {status}, wird also nicht versandt.",
          "Um sie auch in sevDesk zu stornieren: sevdesk-worker enqueue cancel_invoice invoice_id={number} "
          f"reason=TEXT. Gilt sie: document_status im Abrechnungssystem auf approved setzen, {ERNEUT}"),
    entry("cancelled_before_mail", Actor.BILLING,
          "It was not mailed. Invoice {number} is cancelled.",
          "Nothing to do: a cancelled invoice stays so. Issue a new invoice if one is owed.",
          "Sie wurde nicht versandt. Rechnung {number} ist storniert.",
          "Nichts zu tun: eine stornierte Rechnung bleibt storniert. Ist etwas zu berechnen, eine neue ausstellen."),
    entry("bounce_without_mail", Actor.REQUESTER,
          "No mail of invoice {number} is on record that could have come back.",
          "Check the invoice and the address of the report, then ask again with a new job.",
          "Zu Rechnung {number} ist keine E-Mail verzeichnet, die zurückgekommen sein könnte.",
          "Rechnung und Adresse der Meldung prüfen, dann mit einem neuen Auftrag erneut anfordern."),
    entry("bounce_of_copy", Actor.REQUESTER,
          "What came back is a copy (cc or bcc) of the mail of invoice {number}; whether the invoice counts as sent is "
          "decided by its recipient's address alone.",
          "Correct the address where copies are asked for. If the recipient's came back, too, report that address.",
          "Zurück kam eine Kopie (cc oder bcc) der E-Mail zu Rechnung {number}; ob die Rechnung als versandt gilt, "
          "entscheidet allein die Adresse ihres Empfängers.",
          "Die Adresse dort berichtigen, wo Kopien angefordert werden. Kam auch die an den Empfänger zurück, diese "
          "Adresse melden."),
    entry("bounce_superseded", Actor.REQUESTER,
          "Invoice {number} was sent again after the mail that came back, so it stays sent.",
          "Nothing to do. If the later one did not arrive either: sevdesk-worker enqueue send_invoice "
          "invoice_id={number} resend=true.",
          "Rechnung {number} wurde nach der zurückgekommenen E-Mail erneut versandt, bleibt also versandt.",
          "Nichts zu tun. Kam auch die spätere nicht an: sevdesk-worker enqueue send_invoice invoice_id={number} "
          "resend=true."),
    # -- payment state
    entry("party_without_contact", Actor.REQUESTER,
          "{party_id} has no contact in sevDesk, so none of its invoices was published.",
          "Check the id of the company or person, then ask again with a new job.",
          "{party_id} hat keinen Kontakt in sevDesk, also wurde keine Rechnung dieses Beteiligten veröffentlicht.",
          "Die Kennung der Firma oder Person prüfen, dann mit einem neuen Auftrag erneut anfordern."),
    entry("payment_state_missing", Actor.REQUESTER,
          "Invoice {invoice_id} is not published in sevDesk yet, so it has no payment state there.",
          "Publish it first: sevdesk-worker enqueue publish_invoice invoice_id={invoice_id}; then ask again with a new "
          "job.",
          "Rechnung {invoice_id} ist in sevDesk noch nicht veröffentlicht, hat dort also keinen Zahlungsstand.",
          "Sie zuerst veröffentlichen: sevdesk-worker enqueue publish_invoice invoice_id={invoice_id}; dann mit einem "
          "neuen Auftrag erneut anfordern."),
    entry("provider_changed", Actor.BILLING,
          "{invoices} invoices that were published in sevDesk no longer have accounting_provider 'sevdesk': {numbers}. "
          "Their payments are not read, and they are missing in comparisons and exports.",
          "Set accounting_provider back to 'sevdesk' in the billing system. To see all: sevdesk-worker reconcile.",
          "{invoices} in sevDesk veröffentlichte Rechnungen haben nicht mehr den accounting_provider 'sevdesk': "
          "{numbers}. Ihre Zahlungen werden nicht gelesen, und in Abgleich und Export fehlen sie.",
          "Den accounting_provider im Abrechnungssystem wieder auf 'sevdesk' setzen. Alle sieht man mit: "
          "sevdesk-worker reconcile."),
    entry("closed_without_payment", Actor.ACCOUNTANT,
          "sevDesk closed invoice {number} without a payment date, and shows no cancellation for it.",
          "Look at the invoice in sevDesk, then: sevdesk-worker enqueue sync_payments invoice_id={number}.",
          "sevDesk hat die Rechnung {number} ohne Zahlungsdatum geschlossen und zeigt keine Stornierung dazu.",
          "Die Rechnung in sevDesk ansehen, dann: sevdesk-worker enqueue sync_payments invoice_id={number}."),
    entry("foreign_payment_unclear", Actor.ACCOUNTANT,
          "sevDesk shows {paid} as paid on invoice {number} and does not say in which currency; the gross sum is "
          "{gross} {currency}, in the account's currency {account_gross}.",
          "If the rest is still to come, it is recorded once all is paid: sevdesk-worker dismiss {job} --reason TEXT. "
          "If the invoice is closed with less or more, look it up in sevDesk and set claim_status to paid, paid_amount "
          f"and paid_at in the billing system, {RETRY}",
          "sevDesk zeigt {paid} als auf die Rechnung {number} gezahlt und sagt nicht, in welcher Währung; der "
          "Bruttobetrag ist {gross} {currency}, in der Währung des Kontos {account_gross}.",
          "Kommt der Rest noch, wird er übernommen, sobald alles gezahlt ist: sevdesk-worker dismiss {job} "
          "--reason TEXT. Ist die Rechnung mit weniger oder mehr geschlossen, in sevDesk nachsehen und im "
          f"Abrechnungssystem claim_status auf paid, paid_amount und paid_at setzen, {ERNEUT}"),
    entry("payment_implausible", Actor.ACCOUNTANT,
          "sevDesk shows {paid} {currency} as paid on invoice {number} over {gross}, on {paid_on}. Nobody pays that, "
          "so nothing is recorded.",
          "Look at the payment in sevDesk and correct it there, then: sevdesk-worker enqueue sync_payments "
          "invoice_id={number}.",
          "sevDesk zeigt {paid} {currency} als am {paid_on} auf die Rechnung {number} über {gross} gezahlt. Das zahlt "
          "niemand, daher wird nichts übernommen.",
          "Die Zahlung in sevDesk ansehen und dort berichtigen, dann: sevdesk-worker enqueue sync_payments "
          "invoice_id={number}."),
    entry("receivable_invalid", Actor.BILLING,
          "gross_amount or paid_amount of invoice {number} is no number or beyond a trillion, so its payments are not "
          "compared.",
          "Correct it in the billing system, then: sevdesk-worker enqueue sync_payments invoice_id={number}.",
          "gross_amount oder paid_amount der Rechnung {number} ist keine Zahl oder größer als eine Billion, daher "
          "werden ihre Zahlungen nicht abgeglichen.",
          "Den Wert im Abrechnungssystem berichtigen, dann: sevdesk-worker enqueue sync_payments invoice_id={number}."),
    entry("cancelled_though_paid", Actor.ACCOUNTANT,
          "Invoice {number} was cancelled in sevDesk, and {paid} {currency} had been paid on it.",
          f"Pay the money back, or set it off in sevDesk, {RETRY}",
          "Rechnung {number} wurde in sevDesk storniert, und {paid} {currency} waren darauf gezahlt.",
          f"Das Geld zurückzahlen oder in sevDesk verrechnen, {ERNEUT}"),
    entry("mass_change", Actor.ACCOUNTANT,
          "Of {book} invoices sevDesk suddenly shows {deleted} as gone, {cancelled} as cancelled, {reversed} as no "
          "longer paid and {renumbered} with another number, at least. None of this was recorded; {lately} such "
          "changes of the two days before were.",
          "Look at some of them in sevDesk. If it is right: sevdesk-worker retry {job} --as confirmed. If not, mend "
          "the cause there, then: sevdesk-worker retry {job}.",
          "Von {book} Rechnungen zeigt sevDesk plötzlich mindestens {deleted} nicht mehr, {cancelled} als storniert, "
          "{reversed} als nicht mehr bezahlt und {renumbered} mit anderer Nummer. Nichts davon wurde übernommen; aus "
          "den zwei Tagen davor waren es {lately}.",
          "Einige davon in sevDesk ansehen. Stimmt es: sevdesk-worker retry {job} --as confirmed. Wenn nicht, dort die "
          "Ursache beheben, dann: sevdesk-worker retry {job}.", confirmable=True),
    entry("payment_state_conflict", Actor.BILLING,
          "sevDesk's state of invoice {number} does not fit: {event} is not allowed while the invoice is {status}.",
          "Correct the invoice's status on one side, then: sevdesk-worker enqueue sync_payments invoice_id={number}.",
          "sevDesks Stand der Rechnung {number} passt nicht: {event} ist nicht zulässig, solange die Rechnung im Stand "
          "{status} ist.",
          "Den Stand auf einer Seite berichtigen, dann: sevdesk-worker enqueue sync_payments invoice_id={number}."),
)  # fmt: skip
