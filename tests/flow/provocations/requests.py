"""What is wrong with a job as it was asked for."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flow.poisons import POISON, Entry, Poison, job_of
from flow.provocations.table import PROVOCATIONS, Provoke, provokes
from flow.signing import KEYS, SECRET, signed
from flow.stage import Stage

from worker.domain.payloads import SendInvoice


def _put(poison: Poison) -> Provoke:
    async def provoke(stage: Stage) -> Any:
        entry = poison.make(job_of(await stage.billing.usual_invoice(), stage.billing.admin))
        await entry.put(stage.billing.redis)
        return await stage.billing.ended(entry.job_id)

    return provoke


for each in POISON.values():
    if each.code.startswith(("entry_", "job_id_")) and each.code not in PROVOCATIONS:
        provokes(each.code)(_put(each))


@provokes("kind_unknown", kind="'publish_invoices'")
async def no_such_kind(stage: Stage) -> Any:
    return await stage.billing.do("publish_invoices", invoice_id=await stage.billing.usual_invoice())


@provokes(
    "payload_invalid", kind="send_invoice",
    faults="resent: Extra inputs are not permitted; known are " + ", ".join(SendInvoice.model_fields),
)  # fmt: skip
async def misspelt_option(stage: Stage) -> Any:
    return await stage.billing.do("send_invoice", invoice_id=await stage.billing.usual_invoice(), resent=True)


@provokes("requester_missing")
async def asked_by_nobody(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    return await stage.billing.ended(await stage.billing.enqueue_for_nobody("publish_invoice", invoice_id=invoice))


@provokes("requester_unknown")
async def asked_by_a_stranger(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    return await stage.billing.do("publish_invoice", by=uuid4(), invoice_id=invoice)


@provokes("requester_not_internal", kind="publish_invoice")
async def asked_by_a_customer(stage: Stage) -> Any:
    invoice = await stage.billing.usual_invoice()
    return await stage.billing.do("publish_invoice", by=await stage.billing.person(), invoice_id=invoice)


@provokes("requester_not_admin", kind="sync_payments")
async def asked_by_no_admin(stage: Stage) -> Any:
    return await stage.billing.do("sync_payments", by=await stage.billing.person(is_internal=True))


@provokes("invoice_not_found")
async def no_such_invoice(stage: Stage) -> Any:
    return await stage.billing.do("publish_invoice", invoice_id=uuid4())


@provokes("templates_not_fetched")
async def template_before_its_list(stage: Stage) -> Any:
    return await stage.billing.do("update_config", template_eb_sr="5a0b1c2d3e4f5a6b7c8d9eff")


@provokes("template_unknown", wanted="template_eb_sr 5a0b1c2d3e4f5a6b7c8d9eff")
async def no_such_template(stage: Stage) -> Any:
    await stage.billing.do("refresh_templates")
    return await stage.billing.do("update_config", template_eb_sr="5a0b1c2d3e4f5a6b7c8d9eff")


def _signed(code: str, token: Callable[[str, dict[str, Any]], str | None]) -> None:
    @provokes(code, worker={"job_signing_keys": KEYS})
    async def provoke(stage: Stage) -> Any:
        invoice, job_id = await stage.billing.usual_invoice(), str(uuid4())
        k = {"invoice_id": str(invoice), "requested_by": str(stage.billing.admin)}
        written = token(job_id, k)
        body = job_of(invoice, stage.billing.admin) | {"k": {"signed": written} if written else k}
        await Entry(json.dumps(body).encode(), job_id.encode()).put(stage.billing.redis)
        return await stage.billing.ended(f"sha256:{hashlib.sha256(job_id.encode()).hexdigest()}")


_signed("signature_missing", lambda job_id, k: None)
_signed("signature_invalid", lambda job_id, k: signed(job_id, k, secret=SECRET[::-1]))
_signed("signature_of_other_job", lambda job_id, k: signed("another", k))
_signed("signature_time_wrong", lambda job_id, k: signed(job_id, k, age=8 * 86_400))
