"""Next steps that are not those of a job's own problem."""

import re
from dataclasses import dataclass
from shlex import quote

from worker.domain.commands import DISMISS, PUBLISH, filled
from worker.domain.problems import Problem
from worker.domain.problems.problem_type import Lang

# A leader whose process is stopped keeps its session.
LEADER_STEP = (
    "End that process (its name is HOST:PID:...); another worker then leads within seconds, and if none runs, start "
    "one: sevdesk-worker run."
)
PARKED: dict[Lang, str] = {"en": "and when that is parked,", "de": "und wenn der Auftrag liegt,"}
NOTHING: dict[Lang, str] = {"en": "nothing to do", "de": "nichts zu tun"}


@dataclass(frozen=True, slots=True)
class ToLookAt:
    """One thing that a job has left, and that stays so until somebody acts."""

    cause: str
    next_step: str


def unasked_step(
    found: Problem, number: str, lang: Lang = "en", *, rehearsed: bool = False, warns: bool = False
) -> str:
    """What to do where no job waits that `retry` would take up: another command stands in its place.

    That asks for the publication, or if `rehearsed` rehearses again. What only `warns` parks no job to be answered.
    """
    retry, publish = f"sevdesk-worker retry {quote(number)}", filled(PUBLISH, number=number)
    step = found.next_step(lang, job=number)
    step = re.sub(rf"{re.escape(retry)}(?! --as)", lambda _: "sevdesk-worker rehearse" if rehearsed else publish, step)
    asked = f"{publish}, {PARKED[lang]} {retry} --as"
    return step.replace(f"{retry} --as confirmed", NOTHING[lang]) if warns else step.replace(f"{retry} --as", asked)


def rejected_step(next_step: str, job_id: str) -> str:
    """What to do about a rejected job: it ends with another one like it, or with the command named here."""
    return f"{next_step} {filled(f'If it need not be done: {DISMISS}.', job=job_id)}"
