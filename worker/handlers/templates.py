"""refresh_templates: sevDesk's layouts in `sevdesk_templates`."""

from sevdesk_client.models import Template
from worker.domain.jobs import RefreshTemplates
from worker.domain.ledger import Job
from worker.domain.outcome import Done, Outcome
from worker.handlers.handler import HandlerContext
from worker.store.rows import TemplateField, TemplateRow

# The layouts in the table count as fresh for this long: what the billing system's screens treat as stale.
FRESH_SECONDS = 300.0
TEMPLATE_FIELDS: tuple[TemplateField, ...] = ("template_eb_ar", "template_eb_sr", "template_kop_ar", "template_kop_sr")


async def refresh_templates(context: HandlerContext, job: Job, payload: RefreshTemplates) -> Outcome:
    """The table is what sevDesk has: fetched when older than FRESH_SECONDS, or forced."""
    store = context.store
    known: list[TemplateRow] = await store.query("templates")
    if known and not payload.force and (age := max(row["age"] for row in known)) < FRESH_SECONDS:
        return Done({"fetched": False, "templates": len(known), "age_seconds": round(age, 1)})
    there = {template.id: template for template in await context.sevdesk.client.list_templates()}
    removed = await store.query(
        "store_templates",
        template_ids=list(there),
        names=[shown_name(template) for template in there.values()],
        translation_codes=[template.translation_code for template in there.values()],
        defaults=[template.default for template in there.values()],
    )
    return Done({"fetched": True, "templates": len(there), "removed": removed})


def shown_name(template: Template) -> str:
    """A name for people: sevDesk's stock layouts are named by translation keys (official example)."""
    name = template.name or template.translation_code or template.id
    if name.isupper() and "_" in name:
        return name.rpartition("_")[2].capitalize()
    return name
