"""refresh_templates: copy the list of sevDesk's layouts into `sevdesk_templates`."""

from typing import Literal, get_args

from sevdesk_client.models import Template
from worker.domain.ledger import Job
from worker.domain.outcome import Done, Outcome
from worker.domain.payloads import RefreshTemplates
from worker.handlers.handler import HandlerContext
from worker.store.rows import TemplateRow

# The billing system's screens treat the list as outdated after this time.
FRESH_SECONDS = 300.0
TemplateField = Literal["template_eb_ar", "template_eb_sr", "template_kop_ar", "template_kop_sr"]
TEMPLATE_FIELDS: tuple[TemplateField, ...] = get_args(TemplateField)


async def refresh_templates(context: HandlerContext, job: Job, payload: RefreshTemplates) -> Outcome:
    """Fetch the list if it is older than FRESH_SECONDS or `force` is set. Raises `SevDeskError`, `CONNECTION_LOST`."""
    store = context.store
    known: list[TemplateRow] = await store.query("templates")
    if known and not payload.force and (age := max(row["age"] for row in known)) < FRESH_SECONDS:
        return Done({"fetched": False, "templates": len(known), "age_seconds": round(age, 1)})
    found = {template.id: template for template in await context.sevdesk.client.list_templates()}
    removed = await store.query(
        "store_templates",
        template_ids=list(found),
        names=[shown_name(template) for template in found.values()],
        translation_codes=[template.translation_code for template in found.values()],
        defaults=[template.default for template in found.values()],
    )
    return Done({"fetched": True, "templates": len(found), "removed": removed})


def shown_name(template: Template) -> str:
    """A readable name: sevDesk's stock layouts are named by translation keys (official example)."""
    name = template.name or template.translation_code or template.id
    if name.isupper() and "_" in name:
        return name.rpartition("_")[2].capitalize()
    return name
