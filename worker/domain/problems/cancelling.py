"""What keeps an invoice from being cancelled, or remains to be done after it."""

from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

# A credit note over the whole invoice cancels it, and the job that waits is dismissed with it.
REFUND = "sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=TEXT refund=true"

ENTRIES = (
    entry("credit_note_exists", Actor.ACCOUNTANT,
          "A credit note exists for invoice {number} in sevDesk, so it is not cancelled.",
          f"Finish or delete the credit note in sevDesk, {RETRY}",
          "Zu Rechnung {number} gibt es in sevDesk eine Gutschrift, daher wird sie nicht storniert.",
          f"Die Gutschrift in sevDesk abschließen oder löschen, {ERNEUT}"),
    entry("credit_note_draft", Actor.ACCOUNTANT,
          "Of the paid invoice {number} sevDesk made the credit note draft {credit_note_id} instead of a cancellation.",
          f"To have it finished, pay the money back, then: {REFUND}; or delete the draft there and unlink the payment, "
          f"{RETRY}",
          "Zu der bezahlten Rechnung {number} hat sevDesk statt einer Stornierung den Gutschriftentwurf "
          "{credit_note_id} angelegt.",
          f"Damit sie fertig wird, das Geld zurückzahlen, dann: {REFUND}; oder den Entwurf dort löschen und die "
          f"Zahlung lösen, {ERNEUT}"),
    entry("credit_note_stands", Actor.ACCOUNTANT,
          "The credit note {credit_note} stands against invoice {number} in sevDesk, so there is nothing left to "
          "cancel.",
          "Nothing to do, unless more is wanted: then correct the credit note in sevDesk.",
          "Gegen Rechnung {number} steht in sevDesk die Gutschrift {credit_note}, also ist nichts mehr zu stornieren.",
          "Nichts zu tun, außer es soll mehr sein: dann die Gutschrift in sevDesk berichtigen."),
    entry("partly_paid", Actor.ACCOUNTANT,
          "Invoice {number} is partly paid; sevDesk does not cancel it.",
          f"For a credit note over the whole of it, pay the money back, then: {REFUND}; over a part of it, ask for "
          f"credit_invoice. Or unlink the payment there, {RETRY}",
          "Rechnung {number} ist teilweise bezahlt; sevDesk storniert sie nicht.",
          f"Für eine Gutschrift über das Ganze das Geld zurückzahlen, dann: {REFUND}; über einen Teil credit_invoice "
          f"anfordern. Oder die Zahlung dort lösen, {ERNEUT}"),
    entry("refund_due", Actor.ACCOUNTANT,
          "Invoice {number} is cancelled (document: {cancellation}), and {paid} {currency} had been paid on it.",
          f"Pay the money back or set it off in sevDesk, {RETRY} The rest of the job goes on.",
          "Rechnung {number} ist storniert (Beleg: {cancellation}), und {paid} {currency} waren darauf gezahlt.",
          f"Das Geld zurückzahlen oder in sevDesk verrechnen, {ERNEUT} Der Rest des Auftrags läuft weiter."),
    entry("cancellation_sum_differs", Actor.ACCOUNTANT,
          "sevDesk's cancellation {cancellation} is over {gross} {currency}; the invoice was over {stated_gross} "
          "{stated_currency}.",
          f"Compare both documents in sevDesk and correct the difference by a credit note there, {RETRY}",
          "sevDesks Stornorechnung {cancellation} lautet auf {gross} {currency}; die Rechnung lautete auf "
          "{stated_gross} {stated_currency}.",
          "Beide Belege in sevDesk vergleichen und den Unterschied dort durch eine Gutschrift berichtigen, "
          f"{ERNEUT}"),
    entry("cancellation_gone", Actor.ACCOUNTANT,
          "Cancellation {number} was not mailed, and sevDesk no longer has it.",
          "Find out in sevDesk who deleted it; its PDF is in sevdesk_documents, to be sent by hand, "
          "then: sevdesk-worker dismiss {job} --reason TEXT.",
          "Die Stornorechnung {number} wurde nicht versandt, und sevDesk hat sie nicht mehr.",
          "In sevDesk klären, wer sie gelöscht hat; ihr PDF liegt in sevdesk_documents und ist von Hand zu senden, "
          "dann: sevdesk-worker dismiss {job} --reason TEXT."),
)  # fmt: skip
