"""All problems by code, and one problem as it happened: its code and parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from worker.domain.commands import filled
from worker.domain.problems import (
    advances,
    amounts,
    cancelling,
    crediting,
    dates,
    delays,
    e_invoices,
    exporting,
    publishing,
    recipient,
    requests,
    sevdesk,
    tax_rules,
    terms,
)
from worker.domain.problems.problem_type import Lang, ProblemType
from worker.domain.problems.words import CODED, PERCENTAGES, in_words, with_commas
from worker.domain.visible import visible_line

CATALOGUE: Mapping[str, ProblemType] = {
    entry.code: entry
    for part in (
        requests,
        amounts,
        dates,
        tax_rules,
        advances,
        terms,
        publishing,
        recipient,
        e_invoices,
        cancelling,
        crediting,
        exporting,
        sevdesk,
        delays,
    )
    for entry in part.ENTRIES
}
GIVEN_UP: dict[Lang, str] = {"en": " Given up after {tries} tries.", "de": " Nach {tries} Versuchen aufgegeben."}
TRIES = "tries"
# The next step while retries are left; the catalogue says what to do when they are used up.
TRIED_AGAIN: dict[Lang, str] = {
    "en": "Nothing to do; it is tried again.",
    "de": "Nichts zu tun; es wird erneut versucht.",
}
# Of rejected jobs. Nobody has made a mistake and nothing is to be done, so `status` and `why` want nobody.
NO_MISTAKE = frozenset(
    {
        "left_to_other_program",
        "invoice_cancelled",
        "cancelled_in_sevdesk",
        "cancelled_before_mail",
        "bounce_superseded",
        "nothing_to_undelete",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Made by `problem`, which checks the parameters."""

    code: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> ProblemType:
        return CATALOGUE[self.code]

    def cause(self, lang: Lang = "en") -> str:
        given_up = GIVEN_UP[lang] if TRIES in self.parameters else ""
        return (self.type.cause[lang] + given_up).format_map(self._shown(lang))

    def next_step(self, lang: Lang = "en", *, job: str = "JOB") -> str:
        """What to do about it; `job` is what the commands in it shall name."""
        return filled(self.type.next_step[lang], **self._shown(lang), job=job)

    def _shown(self, lang: Lang) -> dict[str, str]:
        """The parameters as the sentences show them."""
        shown = {name: visible_line(value) for name, value in self.parameters.items()}
        for name in CODED & shown.keys():
            shown[name] = in_words(shown[name], lang, separator="; " if name == "findings" else ", ")
        if lang == "de":
            shown |= {name: with_commas(shown[name]) for name in PERCENTAGES & shown.keys()}
        return shown

    def as_dict(self, lang: Lang = "en", *, job: str = "JOB") -> dict[str, object]:
        return {
            "code": self.code,
            "parameters": dict(self.parameters),
            "actor": self.type.actor.value,
            "cause": self.cause(lang),
            "next_step": self.next_step(lang, job=job),
        }

    def given_up(self, tries: int) -> "Problem":
        """The same problem after the last of `tries` tries."""
        return replace(self, parameters={**self.parameters, TRIES: str(tries)})


def problem(code: str, /, **parameters: object) -> Problem:
    """A problem with its parameters as text. Raises TypeError where they are not exactly those of the catalogue."""
    wanted = CATALOGUE[code].parameters
    if parameters.keys() != wanted:
        raise TypeError(f"problem {code} takes {sorted(wanted)}, not {sorted(parameters)}")
    return Problem(code, {name: str(value) for name, value in parameters.items()})


def recorded(code: str, parameters: Mapping[str, str] | None) -> Problem | None:
    """The problem as the ledger has it; None if only another release of the worker knows its code or parameters."""
    known = CATALOGUE.get(code)
    given = parameters or {}
    return Problem(code, given) if known is not None and known.parameters <= given.keys() else None
