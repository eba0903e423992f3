"""update_config: change settings in `sevdesk_config` and record each change."""

from worker.domain.ledger import Job
from worker.domain.outcome import Done, NotYet, Outcome, Rejected
from worker.domain.payloads import UpdateConfig
from worker.domain.problems import problem
from worker.handlers.handler import HandlerContext
from worker.handlers.templates import TEMPLATE_FIELDS
from worker.store import Store
from worker.store.rows import TemplateRow

# A message that lists known ids must stay readable.
MAX_SHOWN = 20
LOOK_AGAIN = 2.0  # seconds


async def update_config(context: HandlerContext, job: Job, payload: UpdateConfig) -> Outcome:
    """Store the settings that differ; each change is recorded with old value, new value, person and time."""
    store = context.store
    if refusal := await _unknown_templates(store, payload):
        return refusal
    if context.account is not None and (wait := await _reads_first(store, job, payload)) is not None:
        return wait
    changes = await store.query("change_config", patch=payload.patch, job_id=job.job_id, changed_by=job.requested_by)
    changed = {row["field"]: {"old": row["old_value"], "new": row["new_value"]} for row in changes}
    return Done({"changed": changed})


async def _reads_first(store: Store, job: Job, payload: UpdateConfig) -> NotYet | Rejected | None:
    """What the other program has published until now is linked before its part is published here."""
    if "publish_only" not in payload.model_fields_set:
        return None
    names = None if payload.publish_only is None else list(payload.publish_only)
    if not await store.query("takes_over", publish_only=names):
        return None
    sync = await store.request_job("sync_payments", {"full": True}, key=f"take_over:{job.job_id}")
    state = await store.query("full_sync_state", job_id=sync)
    unread = problem("other_program_read_first", sync_job=sync)
    if state in ("rejected", "dismissed"):
        return Rejected(unread)
    return None if state == "read" else NotYet(LOOK_AGAIN, unread)


async def _unknown_templates(store: Store, payload: UpdateConfig) -> Rejected | None:
    wanted = {field: value for field in TEMPLATE_FIELDS if (value := getattr(payload, field)) is not None}
    if not wanted:
        return None
    known: list[TemplateRow] = await store.query("templates")
    ids = {row["template_id"] for row in known}
    if not (unknown := [f"{field} {value}" for field, value in wanted.items() if value not in ids]):
        return None
    if not known:
        return Rejected(problem("templates_not_fetched"))
    shown = ", ".join(f"{row['template_id']} ({row['name']})" for row in known[:MAX_SHOWN])
    more = f", … ({len(known)} in sevdesk_templates)" if len(known) > MAX_SHOWN else ""
    return Rejected(problem("template_unknown", wanted=", ".join(unknown), known=shown + more))
