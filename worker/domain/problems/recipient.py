"""What is wrong with the recipient of an invoice: nobody, several, no address, no e-mail, the contact in sevDesk."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

ENTRIES = (
    entry("recipient_none", Actor.BILLING,
          "The invoice has neither a deal nor a contact.",
          f"Set the invoice's deal or contact in the billing system, {RETRY}",
          "Die Rechnung hat weder ein Geschäft (deal) noch einen Kontakt.",
          f"Im Abrechnungssystem Geschäft oder Kontakt der Rechnung setzen, {ERNEUT}"),
    entry("recipient_not_named", Actor.BILLING,
          "Deal {deal_id} has neither an invoice_recipient nor a primary company, and the invoice has no contact.",
          f"Associate a company or person with the deal as invoice_recipient, or set the invoice's contact; {RETRY}",
          "Das Geschäft {deal_id} hat weder einen invoice_recipient noch eine primäre Firma (primary), und die "
          "Rechnung hat keinen Kontakt.",
          "Eine Firma oder Person dem Geschäft als invoice_recipient zuordnen, oder den Kontakt der Rechnung setzen; "
          f"{ERNEUT}"),
    entry("recipient_row_missing", Actor.BILLING,
          "The {way} is {party}, but there is no such row.",
          f"Bring the missing row back or name another recipient, {RETRY}",
          "Im Abrechnungssystem ist {party} {way}, aber eine solche Zeile gibt es nicht.",
          f"Die fehlende Zeile zurückholen oder einen anderen Empfänger benennen, {ERNEUT}"),
    entry("recipient_ambiguous", Actor.BILLING,
          "{count} parties are each the {way}: {parties}.",
          f"Leave that label on one of them only, {RETRY}",
          "{count} Beteiligte sind jeweils {way}: {parties}.",
          f"Diese Bezeichnung nur bei einem von ihnen belassen, {ERNEUT}"),
    entry("recipient_address_incomplete", Actor.BILLING,
          "The recipient of invoice {number} ({party}) has no {fields}.",
          f"Complete the address in the billing system, {RETRY}",
          "Beim Empfänger der Rechnung {number} ({party}) fehlt: {fields}.",
          f"Die Anschrift im Abrechnungssystem ergänzen, {ERNEUT}"),
    entry("recipient_missing_email", Actor.BILLING,
          "The recipient of {document} ({party}) has no e-mail address.",
          f"Add one in the billing system, {RETRY} Or send the document on paper (an invoice is marked so by the job "
          "send_invoice with channel=post), and end this job: sevdesk-worker dismiss {job} --reason TEXT.",
          "Der Empfänger von {document} ({party}) hat keine E-Mail-Adresse.",
          f"Sie im Abrechnungssystem ergänzen, {ERNEUT} Oder den Beleg auf Papier senden (eine Rechnung vermerkt der "
          "Auftrag send_invoice mit channel=post) und diesen Auftrag beenden: sevdesk-worker dismiss {job} --reason "
          "TEXT."),
    entry("recipient_email_invalid", Actor.BILLING,
          "The e-mail address of the recipient of invoice {number} ({party}) is not one plain address such as "
          "name@example.com; what is wrong with it: {fault}.",
          f"Correct it in the billing system: one address, without name, blanks and line breaks; {RETRY}",
          "Die E-Mail-Adresse des Empfängers der Rechnung {number} ({party}) ist nicht eine einzelne Adresse wie "
          "name@example.com; was an ihr falsch ist: {fault}.",
          f"Sie im Abrechnungssystem berichtigen: eine Adresse, ohne Namen, Leerzeichen und Zeilenumbrüche; {ERNEUT}"),
    entry("recipient_changed", Actor.BILLING,
          "The document of invoice {number} is addressed to {addressee}, and the billing system now names {named}.",
          "To mail it to {addressee}: sevdesk-worker retry {job} --as confirmed. Otherwise cancel the invoice "
          "(sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=TEXT) and issue a new one for {named}.",
          "Der Beleg der Rechnung {number} ist an {addressee} gerichtet; das Abrechnungssystem nennt jetzt {named}.",
          "Um ihn an {addressee} zu senden: sevdesk-worker retry {job} --as confirmed. Sonst die Rechnung stornieren "
          "(sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=TEXT) und eine neue für {named} "
          "ausstellen.", confirmable=True),
    entry("e_invoice_missing_email", Actor.BILLING,
          "Invoice {number} is an e-invoice, and its recipient ({party}) has no e-mail address, which sevDesk wants to "
          "have.",
          f"Add one in the billing system, {RETRY}",
          "Rechnung {number} ist eine E-Rechnung, und ihr Empfänger ({party}) hat keine E-Mail-Adresse, die sevDesk "
          "verlangt.",
          f"Sie im Abrechnungssystem ergänzen, {ERNEUT}"),
    entry("contact_ambiguous", Actor.ACCOUNTANT,
          "sevDesk has {count} contacts with customer number {customer_number}: {ids}.",
          f"Merge or renumber them in sevDesk so that one is left, {RETRY}",
          "sevDesk hat {count} Kontakte mit der Kundennummer {customer_number}: {ids}.",
          f"Sie in sevDesk zusammenführen oder umnummerieren, bis einer übrig ist, {ERNEUT}"),
    entry("contact_gone", Actor.OPERATOR,
          "The linked sevDesk contact {contact_id} no longer exists.",
          f"Restore it in sevDesk, or delete its row in sevdesk_contacts so that a new one is made; {RETRY}",
          "Den verknüpften sevDesk-Kontakt {contact_id} gibt es nicht mehr.",
          "Ihn in sevDesk wiederherstellen, oder seine Zeile in sevdesk_contacts löschen, damit ein neuer angelegt "
          f"wird; {ERNEUT}"),
)  # fmt: skip
