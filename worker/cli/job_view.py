"""How one job looks in a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from worker.cli.base import dump
from worker.cli.tables import facts, local_time, short_commands, table
from worker.operator.results import WholeJob
from worker.store.rows import Row


def job_view(whole: WholeJob) -> RenderableType:
    """Where it stands, then payload, result and history."""
    job = whole["job"]
    parts: list[RenderableType] = [facts(*_facts(job)), _json("payload", job["payload"])]
    if job["result"] is not None:
        parts.append(_json("result", job["result"]))
    rows = [(local_time(row["at"]), row["source"], row["what"], row["outcome"]) for row in whole["history"]]
    parts += [table(("when", "", "what", "outcome"), rows)] if rows else ["Nothing was written for it."]
    return Group(*parts)


def _facts(job: Row) -> Iterator[tuple[str, str]]:
    about = f" of {job['invoice_number']}" if job["invoice_number"] else ""
    yield "job", f"{job['job_id']} ({job['kind']}{about})"
    yield "state", job["state"]
    if job["error"] and job["state"] != "done":
        yield "why", f"{job['error']} ({job['problem']})"
        yield "next step", short_commands(job["next_step"] or "-")
    by = f" by {job['requested_by']}" if job["requested_by"] else ""
    yield "asked", f"{local_time(job['created_at'])}, from {job['origin']}{by}"
    if job["correlation_id"]:
        yield "correlation id", job["correlation_id"]
    if job["traceparent"]:
        yield "traceparent", job["traceparent"]
    yield "attempts", f"{job['attempt']}, of which {job['retries']} used up a retry"
    for name, at in (("started", job["started_at"]), ("ended", job["finished_at"])):
        if at:
            yield name, local_time(at)
    if job["not_before"] and job["state"] == "waiting":
        yield "again at", local_time(job["not_before"])
    if job["steps_done"]:
        yield "steps done", ", ".join(job["steps_done"])
    if job["worker"]:
        yield "worker", job["worker"]
    if job["dismissed_by"]:
        yield "dismissed", f"by {job['dismissed_by']}: {job['dismissed_reason']}"


def _json(name: str, value: object) -> RenderableType:
    return Group(Text(name, style="bold"), dump(value))
