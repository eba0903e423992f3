"""What a takeover finds and leaves to a person, as codes with sentences in both languages. Pure.

No job ends with these codes, so they are no part of the catalogue of problems.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.commands import filled
from worker.domain.problems.problem_type import Actor, Lang, ProblemType, entry
from worker.domain.problems.words import CODED, in_words
from worker.domain.visible import visible_line

AGAIN = "then: sevdesk-worker adopt."
NOCHMAL = "dann: sevdesk-worker adopt."
ENTRIES = (
    entry("adopt_document_missing", Actor.BILLING,
          "Invoice {number} has the sevDesk id {external_id}, and sevDesk has no such document.",
          f"Correct or clear external_id in the billing system, {AGAIN}",
          "Rechnung {number} trägt die sevDesk-ID {external_id}, und sevDesk hat keinen solchen Beleg.",
          f"external_id im Abrechnungssystem berichtigen oder leeren, {NOCHMAL}"),
    entry("adopt_document_differs", Actor.BILLING,
          "Invoice {number} and sevDesk's document {external_id} differ: {differences}.",
          f"Compare both; correct the billing system's row or its external_id, {AGAIN}",
          "Rechnung {number} und der Beleg {external_id} in sevDesk unterscheiden sich: {differences}.",
          f"Beide vergleichen; die Zeile des Abrechnungssystems oder ihre external_id berichtigen, {NOCHMAL}"),
    entry("adopt_document_shared", Actor.BILLING,
          "More than one invoice claims sevDesk's document {external_id}; {number} is one of them.",
          f"Find out whose it is and enter its id as external_id of that one only, {AGAIN}",
          "Mehr als eine Rechnung beansprucht den Beleg {external_id} in sevDesk; {number} ist eine davon.",
          f"Feststellen, wessen er ist, und seine ID nur bei dieser als external_id eintragen, {NOCHMAL}"),
    entry("adopt_candidates", Actor.BILLING,
          "Invoice {number} counts as sent without a sevDesk id; it may be one of these documents: {ids}.",
          f"Enter the right id as external_id of the invoice, {AGAIN}",
          "Rechnung {number} gilt ohne sevDesk-ID als versandt; sie könnte einer dieser Belege sein: {ids}.",
          f"Die richtige ID als external_id der Rechnung eintragen, {NOCHMAL}"),
    entry("adopt_no_candidate", Actor.BILLING,
          "Invoice {number} counts as sent without a sevDesk id, and sevDesk has nothing like it.",
          "If it was never published, set it to approved; then it is published.",
          "Rechnung {number} gilt ohne sevDesk-ID als versandt, und sevDesk hat nichts Entsprechendes.",
          "Wurde sie nie veröffentlicht, sie auf approved setzen; dann wird sie veröffentlicht."),
    entry("adopt_published_already", Actor.BILLING,
          "Invoice {number} is to be published, but sevDesk has it already as it seems: {ids}.",
          f"If it is the same, set it to sent with that external_id before anything is published, {AGAIN}",
          "Rechnung {number} soll veröffentlicht werden, aber sevDesk hat sie anscheinend schon: {ids}.",
          f"Ist es dieselbe, sie vor jeder Veröffentlichung mit dieser external_id auf sent setzen, {NOCHMAL}"),
    entry("adopt_other_unclear", Actor.BILLING,
          "Another program publishes invoice {number}, and which of sevDesk's documents it is cannot be told for "
          "certain: {ids}.",
          f"Compare sum, currency and day; enter the right id as external_id of the invoice, {AGAIN}",
          "Rechnung {number} veröffentlicht ein anderes Programm, und welcher Beleg in sevDesk sie ist, lässt sich "
          "nicht sicher erkennen: {ids}.",
          f"Betrag, Währung und Tag vergleichen; die richtige ID als external_id der Rechnung eintragen, {NOCHMAL}"),
    entry("adopt_contact_ambiguous", Actor.ACCOUNTANT,
          "Which of sevDesk's contacts {ids} is {party} cannot be told.",
          f"Give the right one the customer number {{customer_number}} in sevDesk, {AGAIN}",
          "Welcher der Kontakte {ids} in sevDesk {party} ist, lässt sich nicht erkennen.",
          f"Dem richtigen in sevDesk die Kundennummer {{customer_number}} geben, {NOCHMAL}"),
    entry("adopt_document_unknown", Actor.ACCOUNTANT,
          "sevDesk has the document {external_id}, number {sevdesk_number}, and the billing system none like it.",
          "Nothing to do if it was made in sevDesk on purpose.",
          "sevDesk hat den Beleg {external_id} mit der Nummer {sevdesk_number}, das Abrechnungssystem keinen solchen.",
          "Nichts zu tun, wenn er mit Absicht in sevDesk entstand."),
    entry("adopt_credit_note_unknown", Actor.ACCOUNTANT,
          "sevDesk has the credit note {external_id} with the number {sevdesk_number}, which is not on record here.",
          "Nothing to do if it was made in sevDesk on purpose.",
          "sevDesk hat die Gutschrift {external_id} mit der Nummer {sevdesk_number}, die hier nicht verzeichnet ist.",
          "Nichts zu tun, wenn sie mit Absicht in sevDesk entstand."),
)  # fmt: skip
CODES: Mapping[str, ProblemType] = {each.code: each for each in ENTRIES}
# Not doubts: what people made in sevDesk without the billing system.
LISTED = frozenset({"adopt_document_unknown", "adopt_credit_note_unknown"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of the report. No parameter holds personal data."""

    code: str
    parameters: Mapping[str, str]

    @property
    def is_doubt(self) -> bool:
        """True if a person must decide before the takeover is complete."""
        return self.code not in LISTED

    def cause(self, lang: Lang = "en") -> str:
        return CODES[self.code].cause[lang].format_map(self._shown(lang))

    def next_step(self, lang: Lang = "en") -> str:
        return filled(CODES[self.code].next_step[lang], **self._shown(lang))

    def as_dict(self) -> dict[str, object]:
        """For JSON: code, parameters, who must act, and the sentences in both languages."""
        langs: tuple[Lang, ...] = ("en", "de")
        return {
            "code": self.code,
            "parameters": dict(self.parameters),
            "actor": CODES[self.code].actor.value,
            "cause": {lang: self.cause(lang) for lang in langs},
            "next_step": {lang: self.next_step(lang) for lang in langs},
        }

    def _shown(self, lang: Lang) -> dict[str, str]:
        return {
            name: in_words(value, lang) if name in CODED else visible_line(value)
            for name, value in self.parameters.items()
        }


def finding(code: str, **parameters: object) -> Finding:
    """Raises TypeError where the parameters are not exactly those of the entry."""
    if parameters.keys() != CODES[code].parameters:
        raise TypeError(f"{code} takes {sorted(CODES[code].parameters)}, not {sorted(parameters)}")
    return Finding(code, {name: str(value) for name, value in parameters.items()})
