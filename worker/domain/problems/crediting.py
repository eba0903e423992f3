"""What keeps a credit note from being written, or remains to be done after it."""

from worker.domain.commands import CANCEL
from worker.domain.problems.problem_type import ERNEUT, RETRY, Actor, entry

ENTRIES = (
    entry("credit_note_not_for_advance", Actor.ACCOUNTANT,
          "sevDesk makes no credit note for invoices of type {type}, and {number} is one.",
          f"Unlink the payment in sevDesk, cancel the invoice: {CANCEL}, and publish a correct one. Or end the "
          "job: sevdesk-worker dismiss {job} --reason TEXT.",
          "Zu Rechnungen der Art {type} macht sevDesk keine Gutschrift, und {number} ist eine solche.",
          f"Die Zahlung in sevDesk lösen, die Rechnung stornieren: {CANCEL}, und eine richtige veröffentlichen. "
          "Oder den Auftrag beenden: sevdesk-worker dismiss {job} --reason TEXT."),
    entry("credit_note_needs_payment", Actor.ACCOUNTANT,
          "No money has come for invoice {number}, and sevDesk makes credit notes only for paid and partly paid ones.",
          f"Cancel the invoice: {CANCEL}, and publish a correct one. Or, when it is paid, {RETRY}",
          "Auf Rechnung {number} ist nichts gezahlt, und sevDesk macht Gutschriften nur zu ganz oder teilweise "
          "bezahlten.",
          f"Die Rechnung stornieren: {CANCEL}, und eine richtige veröffentlichen. Oder, wenn sie bezahlt ist, "
          f"{ERNEUT}"),
    entry("credit_of_taken_over", Actor.ACCOUNTANT,
          "The document of invoice {number} was not made by this worker, so its positions are not on record here.",
          "Write the credit note in sevDesk by hand.",
          "Den Beleg zu Rechnung {number} hat nicht dieser Worker erstellt, daher sind seine Positionen hier nicht "
          "verzeichnet.",
          "Die Gutschrift in sevDesk von Hand erstellen."),
    entry("credit_position_unknown", Actor.REQUESTER,
          "The document of invoice {number} has no position {position}; it has {known}.",
          "Ask again with positions of the invoice.",
          "Der Beleg zu Rechnung {number} hat keine Position {position}; er hat {known}.",
          "Mit Positionen der Rechnung noch einmal anfordern."),
    entry("credit_not_positive", Actor.REQUESTER,
          "The credit note for invoice {number} would be over {gross} {currency}; sevDesk takes only sums above zero.",
          "Ask again with other positions.",
          "Die Gutschrift zu Rechnung {number} lautete auf {gross} {currency}; sevDesk nimmt nur Summen über null.",
          "Mit anderen Positionen noch einmal anfordern."),
    entry("credit_exceeds_invoice", Actor.REQUESTER,
          "At {rates} tax invoice {number} is over {invoiced} {currency} {measure}; credited are {credited}, and "
          "{asked} more are asked for.",
          "Ask again for at most {left} {currency} {measure}, or delete a credit note that is still a draft "
          "in sevDesk.",
          "Bei {rates} Steuer lautet Rechnung {number} auf {invoiced} {currency} {measure}; gutgeschrieben sind "
          "{credited}, verlangt werden noch {asked}.",
          "Höchstens {left} {currency} {measure} anfordern, oder eine Gutschrift "
          "löschen, die in sevDesk noch Entwurf ist."),
    entry("credit_note_sums_differ", Actor.ACCOUNTANT,
          "sevDesk's credit note {credit_note} for invoice {number} is over {found} {currency}; expected are "
          "{expected}.",
          f"Look at it in sevDesk. A draft of ours was deleted; correct what differs, {RETRY}",
          "sevDesks Gutschrift {credit_note} zu Rechnung {number} lautet auf {found} {currency}; erwartet sind "
          "{expected}.",
          f"In sevDesk ansehen. Ein Entwurf von uns wurde gelöscht; berichtigen, was abweicht, {ERNEUT}"),
    entry("credit_note_number_taken", Actor.ACCOUNTANT,
          "The credit note {credit_note} for invoice {number} (sevDesk id {external_id}) has a number that another one "
          "has, too.",
          f"Look at both in sevDesk: give one of them another number, or delete the one that is a draft, {RETRY}",
          "Die Gutschrift {credit_note} zu Rechnung {number} (sevDesk-Id {external_id}) hat eine Nummer, die auch eine "
          "andere hat.",
          f"Beide in sevDesk ansehen: einer eine andere Nummer geben, oder die löschen, die ein Entwurf ist, {ERNEUT}"),
    entry("partly_credited", Actor.REQUESTER,
          "{credited} {currency} of invoice {number} are credited, so it can no longer be cancelled as a whole.",
          "Credit the rest, too: enqueue credit_invoice; or end the job: sevdesk-worker dismiss {job} --reason TEXT.",
          "Von Rechnung {number} sind {credited} {currency} gutgeschrieben, daher kann sie nicht mehr als Ganzes "
          "storniert werden.",
          "Auch den Rest gutschreiben: credit_invoice anfordern; oder den Auftrag beenden: sevdesk-worker dismiss "
          "{job} --reason TEXT."),
    entry("credit_note_refused", Actor.ACCOUNTANT,
          "sevDesk does not take the credit note. Its answer to {operation}: “{answer}”.",
          f"Compare the invoice and its credit notes in sevDesk, {RETRY}",
          "sevDesk nimmt die Gutschrift nicht an. Antwort auf {operation}: „{answer}“.",
          f"Die Rechnung und ihre Gutschriften in sevDesk vergleichen, {ERNEUT}"),
    entry("credit_note_gone", Actor.ACCOUNTANT,
          "Credit note {number} was not mailed, and sevDesk no longer has it.",
          "Find out in sevDesk who deleted it; its PDF is in sevdesk_documents, to be sent by hand, "
          "then: sevdesk-worker dismiss {job} --reason TEXT.",
          "Die Gutschrift {number} wurde nicht versandt, und sevDesk hat sie nicht mehr.",
          "In sevDesk klären, wer sie gelöscht hat; ihr PDF liegt in sevdesk_documents und ist von Hand zu senden, "
          "dann: sevdesk-worker dismiss {job} --reason TEXT."),
)  # fmt: skip
