"""What the report says when postings are compared with documents and payments. Pure data: code -> sentences.

A sentence without a full stop may stand inside another one, and gets its full stop at the end of a finding.
"""

# Kind of finding -> code -> German and English.
TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "missing": {
        "posting_missing": (
            "Die Buchung fehlt: {gross} vom {day}",
            "The posting is missing: {gross} of {day}",
        ),
        "rate_missing": (
            "Der Teil zum Satz {rate:percent} fehlt: gebucht sind {posted}, der Beleg lautet auf {gross}",
            "The part at {rate:percent} is missing: {posted} is posted, the document says {gross}",
        ),
        "payment_missing": ("Die Zahlung fehlt: {expected}", "The payment is missing: {expected}"),
    },
    "doubled": {
        "number_twice": (
            "Die Belegnummer kommt in unseren Daten mehrfach vor",
            "Our data have this document number more than once",
        ),
        "posting_doubled": (
            "Der Beleg ist {times}-mal gebucht: gebucht sind {posted}, der Beleg lautet auf {gross}",
            "The document is posted {times} times: {posted} is posted, the document says {gross}",
        ),
        "rate_doubled": (
            "Der Teil zum Satz {rate:percent} ist doppelt: gebucht sind {posted}, der Beleg lautet auf {gross}",
            "The part at {rate:percent} is doubled: {posted} is posted, the document says {gross}",
        ),
        "payment_doubled": (
            "Die Zahlung ist doppelt gebucht: {posted}, richtig ist {expected}",
            "The payment is posted twice: {posted}, {expected} is right",
        ),
    },
    "extra": {
        "revenue_without_document": (
            "Erlös ohne Beleg bei uns: {posted} vom {day}",
            "Revenue without a document of ours: {posted} of {day}",
        ),
        "revenue_unknown": (
            "Erlös über {posted}, den wir nicht kennen",
            "Revenue of {posted} that we do not know",
        ),
        "payment_without_document": (
            "Zahlung ohne Gegenstück bei uns: {posted} vom {day}",
            "Payment that we do not have: {posted} of {day}",
        ),
        "payment_unknown": (
            "Zahlung über {posted} ohne Gegenstück bei uns",
            "Payment of {posted} that we do not have",
        ),
    },
    "amount": {
        "sides_swapped": (
            "Soll und Haben sind vertauscht: gebucht sind {posted}, der Beleg lautet auf {gross}",
            "Debit and credit are exchanged: {posted} is posted, the document says {gross}",
        ),
        "amount_wrong": (
            "Falscher Betrag: gebucht sind {posted}, der Beleg lautet auf {gross}",
            "Wrong amount: {posted} is posted, the document says {gross}",
        ),
        "amount_wrong_converted": (
            "Falscher Betrag: gebucht sind {posted}, umgerechnet aus {currency} sind es {expected}",
            "Wrong amount: {posted} is posted, converted from {currency} it is {expected}",
        ),
        "amount_at_rate": (
            "Zum Satz {rate:percent} sind {posted} gebucht statt {expected}",
            "At {rate:percent}, {posted} is posted instead of {expected}",
        ),
        "document_unreadable": (
            "Ein Betrag des Belegs ist bei uns keine Zahl oder zu groß; nicht verglichen",
            "An amount of our document is no number or too large; not compared",
        ),
        "payment_amount": (
            "Zahlung {posted}, richtig ist {expected}",
            "The payment is {posted}, {expected} is right",
        ),
    },
    "account": {
        "account_not_revenue": ("Konto {account} ist kein Erlöskonto", "Account {account} is no revenue account"),
        "key_input_tax": (
            "BU-Schlüssel {key} auf Konto {account} steht für Vorsteuer",
            "Tax key {key} on account {account} stands for input tax",
        ),
        "key_contradicts": (
            "BU-Schlüssel {key} widerspricht dem Automatikkonto {account}",
            "Tax key {key} contradicts the automatic account {account}",
        ),
        "key_misplaced": (
            "BU-Schlüssel {key} gehört nicht auf das Konto {account}",
            "Tax key {key} does not belong on account {account}",
        ),
        "key_turns_off_tax": (
            "BU-Schlüssel {key} hebt die Automatik von Konto {account} auf, und die Steuer ist nicht gebucht",
            "Tax key {key} turns off the tax of account {account}, and the tax is not posted",
        ),
        "tax_twice": (
            "Konto {account} errechnet die Steuer, die daneben noch einmal gebucht ist",
            "Account {account} computes the tax, which is posted once more beside it",
        ),
        "tax_missing": (
            "Konto {account} errechnet ohne BU-Schlüssel keine Steuer",
            "Without a tax key account {account} computes no tax",
        ),
        "revenue_moved": (
            "Umbuchung über {moved} zwischen den Konten {account} und {contra}, die in der Umsatzsteuererklärung "
            "getrennt sind",
            "{moved} is moved between accounts {account} and {contra}, which the VAT return keeps apart",
        ),
        "tax_differs": (
            "Auf Steuerkonten stehen {posted}, die Steuer des Belegs ist {expected}",
            "{posted} stands on tax accounts, the document's tax is {expected}",
        ),
        "account_without_rate": (
            "Konto {account} legt keinen Steuersatz fest",
            "Account {account} does not say a tax rate",
        ),
        "account_rate": (
            "Konto {account} steht für {rate:percent}, der Beleg für {rates:percent}",
            "Account {account} stands for {rate:percent}, the document for {rates:percent}",
        ),
        "account_tax_rule": (
            "Konto {account} passt nicht zum Steuergrund des Belegs (sevDesk-Steuerregel {tax_rule})",
            "Account {account} does not fit the document's tax rule ({tax_rule} in sevDesk)",
        ),
        "account_unnamed": (
            "Konto {account} ist im Kontenrahmen nicht benannt",
            "The chart of accounts does not name account {account}",
        ),
        "account_unusual": (
            "{documents} gleichartige Belege stehen auf Konto {account}",
            "{documents} documents of the same kind stand on account {account}",
        ),
        "account_unusual_key": (
            "{documents} gleichartige Belege stehen auf Konto {account} mit BU-Schlüssel {key}",
            "{documents} documents of the same kind stand on account {account} with tax key {key}",
        ),
        "account_note": ("{what} ({documents} Belege)", "{what} ({documents} documents)"),
        "contra_no_debtor": ("Gegenkonto {account} ist kein Debitor", "Contra account {account} is no debtor"),
        "debtor_split": (
            "Beleg und Zahlungen stehen auf verschiedenen Debitoren: {debtors}",
            "Document and payments stand on different debtors: {debtors}",
        ),
        "debtor_unlisted": (
            "Debitor {account} fehlt in den Stammdaten des Exports",
            "The export's own list of debtors lacks {account}",
        ),
        "debtor_unusual": (
            "Debitor {account}; sonst stehen solche Belege auf {usual}",
            "Debtor {account}; other documents of this customer stand on {usual}",
        ),
        "debtor_shared": (
            "Debitor {account} steht für zwei Kunden: {documents}",
            "Debtor {account} stands for two customers: {documents}",
        ),
    },
    "date": {
        "day_wrong": ("Belegdatum {day}; richtig ist {right}", "The day is {day}; {right} is right"),
        "day_outside": (
            "Belegdatum {day}, außerhalb des Zeitraums; richtig ist {right}",
            "The day is {day}, outside the period; {right} is right",
        ),
        "days_differ": (
            "Die Beträge verteilen sich anders auf die Tage {days}",
            "The amounts are distributed otherwise among the days {days}",
        ),
        "document_outside": ("Der Beleg gehört nicht in den Zeitraum", "The document does not belong in the period"),
    },
    "currency": {
        "currency_not_compared": (
            "Der Beleg lautet auf {currency}, gebucht ist {posted}; nicht verglichen",
            "The document is in {currency}, {posted} is posted; not compared",
        ),
        "payment_currency": (
            "Die Zahlung ist in anderer Währung gebucht",
            "The payment is posted in another currency",
        ),
    },
    "image": {
        "images_missing": (
            "Belegbilder waren angefordert; das Archiv enthält keine",
            "Document images were asked for; the archive has none",
        ),
        "images_unasked": (
            "Das Archiv enthält Belegbilder, die nicht angefordert waren",
            "The archive has document images that were not asked for",
        ),
        "image_missing": (
            "Die Buchung verweist auf ein Belegbild, das im Archiv fehlt",
            "The posting refers to a document image that the archive lacks",
        ),
        "image_not_linked": (
            "Die Buchung verweist auf kein Belegbild, die anderen schon",
            "The posting refers to no document image, as the others do",
        ),
    },
    "other": {
        "other_postings": (
            "Nicht geprüft: {transfers} Umbuchungen zwischen Forderungen, {moved} zwischen Erlös- oder "
            "Anzahlungskonten, {others} Buchungen, die weder Forderung noch Erlös berühren",
            "Not checked: {transfers} transfers between claims, {moved} between accounts of revenue or advances, "
            "{others} postings that touch neither claims nor revenue",
        ),
        "revenue_without_debtor": (
            "Nicht abgeglichen: {count} Erlöse ohne Debitor",
            "Not compared: {count} postings of revenue without a debtor",
        ),
        "revenue_not_asked": (
            "Nicht abgeglichen: {count} Erlösbuchungen, die mit diesem Umfang nicht angefordert waren",
            "Not compared: {count} postings of revenue that this scope does not ask for",
        ),
        "cash_revenue": (
            "Nicht abgeglichen: {count} Erlöse der Kasse",
            "Not compared: {count} postings of revenue of the cash register",
        ),
        "payments_not_compared": ("Nicht abgeglichen: {count} Zahlungen", "Not compared: {count} payments"),
        "refunds_not_compared": (
            "Nicht abgeglichen: {count} Auszahlungen zu Gutschriften",
            "Not compared: {count} repayments of credit notes",
        ),
        "payments_without_day": (
            "Nicht abgeglichen: {count} Zahlungen, deren Tag sevDesk nicht nennt und die nicht gebucht sind",
            "Not compared: {count} payments whose day sevDesk does not tell and that are not posted",
        ),
        "payments_of_open": (
            "Nicht abgeglichen: {count} Teilzahlungen von Rechnungen, die noch offen sind",
            "Not compared: {count} payments on invoices that are still open",
        ),
        "debtors_otherwise": (
            "Nicht abgeglichen: {count} Buchungen von Debitoren ohne Geld",
            "Not compared: {count} postings of debtors without money",
        ),
        "nothing_to_post": (
            "Das Archiv enthält keinen Buchungsstapel; bei uns gibt es im Zeitraum nichts zu buchen",
            "The archive has no Buchungsstapel; we have nothing to be posted in the period",
        ),
    },
    "not_judged": {
        "not_asked": ("nicht angefordert", "not asked for"),
        "payments_unknown": ("unsere Zahlungen sind nicht bekannt", "our payments are not known"),
        "not_our_data": (
            "der Worker kennt davon keine Daten, mit denen er vergleichen könnte",
            "the worker has no data to compare it with",
        ),
        "enshrined_in_sevdesk": (
            "ob sevDesk die Belege festgeschrieben hat, steht nicht im Archiv",
            "the archive does not tell whether sevDesk has enshrined the documents",
        ),
        "images_packed": (
            "die Belegbilder liegen in einem eigenen Archiv, das hier nicht geöffnet wird",
            "the images are in an archive of their own, which is not opened here",
        ),
        "images_not_indexed": (
            "das Archiv nennt nicht, welches Bild zu welcher Buchung gehört",
            "the archive does not tell which image belongs to which posting",
        ),
        "no_image_expected": ("keine Buchung gehört zu einem Beleg", "no posting belongs to a document"),
        "unreadable": ("der Export ist nicht lesbar", "the export cannot be read"),
    },
}
