"""Next steps that are not those of a job's own problem."""

import re

from worker.domain.problems import Problem
from worker.domain.problems.problem_type import Lang

# A leader whose process is stopped keeps its session.
LEADER_STEP = (
    "End that process (its name is HOST:PID:...); another worker then leads within seconds, and if none runs, start "
    "one: sevdesk-worker run."
)


def unasked_step(found: Problem, number: str) -> str:
    """What to do where no job waits that `retry` would take up: the publication is asked for in its place."""
    retry, publish = f"sevdesk-worker retry {number}", f"sevdesk-worker enqueue publish_invoice invoice_id={number}"
    step = found.next_step(job=number).replace(f"{retry} --as", f"{publish}, and when that is parked, {retry} --as")
    return re.sub(rf"(?<!parked, ){re.escape(retry)}(?! --as)\b", lambda _: publish, step)


def rehearsed_step(first: Problem, number: str, lang: Lang = "en", *, warns: bool = False) -> str:
    """The catalogue's; but no job is parked yet that could be retried, and a warning parks none."""
    told, confirm = first.next_step(lang, job=number), f"sevdesk-worker retry {number} --as confirmed"
    if warns:
        told = told.replace(confirm, "nothing to do" if lang == "en" else "nichts zu tun")
    told = told.replace(confirm, f"{confirm} ({'once it has parked' if lang == 'en' else 'sobald ihr Auftrag liegt'})")
    return told.replace(f"sevdesk-worker retry {number}.", "sevdesk-worker rehearse.")
