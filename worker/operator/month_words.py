"""The words of the month's report, in English and German."""

from worker.domain.problems.problem_type import Lang

_WORDS = {
    "title": ("Invoices of {month}", "Rechnungen {month}"),
    "made": (
        "Invoices dated {first} to {last}. Claims, differences and parked jobs as of {at}.",
        "Rechnungen vom {first} bis {last}. Forderungen, Abweichungen und angehaltene Aufträge: Stand {at}.",
    ),
    "invoice": ("Invoice", "Rechnung"),
    "invoices": ("Invoices", "Rechnungen"),
    "gross": ("Gross", "Brutto"),
    "amount": ("Amount", "Betrag"),
    "since": ("Since", "Seit"),
    "what": ("What", "Was"),
    "code": ("Code", "Code"),
    "more": ("and {count} more", "und {count} weitere"),
    # what is in the head
    "published_sum": ("Published", "Veröffentlicht"),
    "received_sum": ("Received of it", "Davon eingegangen"),
    "owed": ("Open claims, all months", "Offene Forderungen, alle Monate"),
    "in_euros": ("Differences in money", "Abweichungen in Geld"),
    "none": ("none", "keine"),
    # differences
    "differences": ("Differences in money", "Abweichungen in Geld"),
    "no_differences": (
        "Nothing is overpaid, nothing must be paid back, and no payment was taken back.",
        "Nichts ist überzahlt, nichts zurückzuzahlen, und keine Zahlung wurde zurückgenommen.",
    ),
    "overpaid": ("overpaid by", "überzahlt um"),
    "refund_due": ("to be paid back", "zurückzuzahlen"),
    "payment_reversed": ("payment taken back", "Zahlung zurückgenommen"),
    # the way of invoices
    "pipeline": ("From approval to payment", "Von der Freigabe zur Zahlung"),
    "no_invoices": ("No invoice is dated in this month.", "Keine Rechnung ist aus diesem Monat."),
    "stage": ("Stage", "Stand"),
    "approved": ("approved", "freigegeben"),
    "published": ("published in sevDesk", "in sevDesk veröffentlicht"),
    "sent": ("sent", "versandt"),
    "paid": ("paid in full", "ganz bezahlt"),
    "received": ("money received", "Geld eingegangen"),
    "draft": ("still a draft", "noch Entwurf"),
    "cancelled": ("cancelled", "storniert"),
    # claims
    "claims": ("Open claims by age", "Offene Forderungen nach Alter"),
    "no_claims": ("Nothing is owed.", "Nichts ist offen."),
    "due": ("Days past due", "Tage nach Fälligkeit"),
    "-1": ("not yet due", "noch nicht fällig"),
    "1": ("1 to 30", "1 bis 30"),
    "31": ("31 to 60", "31 bis 60"),
    "61": ("61 to 90", "61 bis 90"),
    "91": ("more than 90", "mehr als 90"),
    # payments
    "payments": ("Payments by day", "Zahlungen nach Tagen"),
    "no_payments": ("No payment is dated in this month.", "Keine Zahlung ist aus diesem Monat."),
    "payments_told": (
        "{sum} in {count} payments; most on one day: {most}.",
        "{sum} in {count} Zahlungen; höchster Tag: {most}.",
    ),
    # parked
    "parked": ("Parked jobs by problem", "Angehaltene Aufträge nach Problem"),
    "no_parked": ("No job waits for a person.", "Kein Auftrag wartet auf einen Menschen."),
    "jobs": ("Jobs", "Aufträge"),
    "actor": ("Who acts", "Wer handelt"),
    "operator": ("operator", "Betrieb"),
    "accountant": ("accountant", "Buchhaltung"),
    "billing": ("billing system", "Abrechnungssystem"),
    "developer": ("developer", "Entwicklung"),
    "requester": ("requester", "wer den Auftrag gab"),
    "worker": ("nobody", "niemand"),
    # drift
    "drift": ("Last comparison with sevDesk", "Letzter Vergleich mit sevDesk"),
    "never_compared": (
        "The books were never compared: sevdesk-worker reconcile.",
        "Die Bücher wurden nie verglichen: sevdesk-worker reconcile.",
    ),
    "compared": (
        "{at}: {invoices} invoices and {documents} documents; differences then: {counts}.",
        "{at}: {invoices} Rechnungen und {documents} Belege; Abweichungen damals: {counts}.",
    ),
    "still_different": ("Still different: {count}.", "Noch abweichend: {count}."),
    "finding": ("Finding", "Befund"),
    # exports
    "exports": ("DATEV exports of this month", "DATEV-Exporte dieses Monats"),
    "no_exports": ("None was made.", "Keiner wurde gemacht."),
    "period": ("Period", "Zeitraum"),
    "state": ("State", "Zustand"),
    "findings": ("Findings", "Befunde"),
    "acknowledged": ("Settled", "Erledigt"),
    "requested": ("requested", "angefordert"),
    "running": ("running", "läuft"),
    "accepted": ("accepted", "angenommen"),
    "accepted_with_findings": ("accepted with findings", "mit Befunden angenommen"),
    "refused": ("refused", "abgelehnt"),
    "failed": ("failed", "fehlgeschlagen"),
}


def word(name: str, lang: Lang, **values: object) -> str:
    """The word or sentence in that language; a name that is not in the list, such as a code, stands for itself."""
    english, german = _WORDS.get(name, (name, name))
    return (german if lang == "de" else english).format_map(values) if values else german if lang == "de" else english
