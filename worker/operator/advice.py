"""The next step of a problem that no job has met yet."""

import re

from worker.domain.problems import Problem


def unasked_step(found: Problem, number: str) -> str:
    """What to do where no job waits that `retry` would take up: the publication is asked for in its place."""
    retry, publish = f"sevdesk-worker retry {number}", f"sevdesk-worker enqueue publish_invoice invoice_id={number}"
    step = found.next_step(job=number).replace(f"{retry} --as", f"{publish}, and when that is parked, {retry} --as")
    return re.sub(rf"(?<!parked, ){re.escape(retry)}(?! --as)\b", lambda _: publish, step)
