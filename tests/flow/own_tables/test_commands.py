"""Every command at a company's own tables, as the worker's role, which has rights on the views only."""

import json
from typing import Any

from flow.billing import Billing, time_to_day
from flow.books import control
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from typer.main import get_command

from sevdesk_client.sandbox.account.formats import berlin_day
from worker.__main__ import cli
from worker.demo.own_tables import VIEWS

# They run until they are stopped, or have tests of their own: `demo --own-tables`, `migrate` as the owner.
LEFT_OUT = {"run", "top", "tail", "local", "sandbox", "demo", "migrate", "init", "seed"}


async def old_invoices(billing: Billing, sevdesk: HoldableSevdesk) -> str:
    """Three that others published: with sevDesk's id; with its number; with another sum, a doubt. Returns that id."""
    about = {"invoices": 3, "prefix": "OLD-", "net": "100", "tax_rate": "19"}
    await control(sevdesk, "POST", "seed", about)
    there = list(sevdesk.sandbox.account.invoices.values())
    deal = await billing.deal(await billing.company())
    told: dict[str, Any] = {"document_status": "sent", "issue_date": berlin_day(there[0].fields.invoice_date)}
    await billing.invoice(deal, invoice_number="OLD-A", external_id=str(there[0].id), **told)
    await billing.invoice(deal, invoice_number=there[1].number, **told)
    await billing.invoice(deal, invoice_number=there[2].number, gross_amount="120.00", tax_amount="20.00", **told)
    return str(there[0].id)


async def test_every_command_knows_the_views(
    billing: Billing,
    role_url: str,
    run_worker: RunWorker,
    sevdesk: HoldableSevdesk,
    operator: Operator,
) -> None:
    """None fails for want of a table or a right; what was there before is taken over, and a month goes out."""
    known = await old_invoices(billing, sevdesk)
    good, wrong = await billing.usual_invoice(), await billing.usual_invoice(gross_amount="120.00")
    number = (await billing.row(good))["invoice_number"]
    walked = set[str]()

    async def walk(*words: str, code: int | None = 0) -> str:
        walked.add(words[0])
        ended, out, err = await operator.run(*words, BILLING_SCHEMA=VIEWS, DATABASE_URL=role_url)
        assert ended == code or (code is None and ended in (0, 3)), (words, out, err)
        return out

    async with run_worker(database_url=role_url, database_lock_url=None):
        await walk("test-connection", "--wait")
        assert "1 would be published, 1 would not" in await walk("rehearse", "--html", "rehearsal.html", code=3)
        await walk("rehearse", "--offline", code=3)
        await walk("rehearse", "--against-sandbox", code=3)
        await walk("readiness", "--html", "ready.html")
        assert "would publish it" in await walk("preview", number)
        dry = json.loads(await walk("adopt", "--dry-run", "--json", code=3))
        assert (dry["would_link"]["linked"], dry["counts"]["adopt_candidates"]) == (2, 1)
        said = json.loads(await walk("adopt", "--archive", "--html", "adopted.html", "--json", code=3))
        assert (said["job"]["linked"], said["known"]) == (2, 2)
        assert known in await walk("show", "OLD-A")
        await walk("enqueue", "publish_invoice", f"invoice_id={number}", "--wait")
        await walk("enqueue", "publish_invoice", f"invoice_id={wrong}", "--wait", code=3)
        await walk("why", str(wrong), code=3)
        await walk("retry", str(wrong), "--wait", code=3)
        await walk("dismiss", str(wrong), "--reason", "Doppelt")
        today = time_to_day().isoformat()
        await walk("enqueue", "export_datev", f"start_date={today}", f"end_date={today}", "--wait", code=3)
        for words in (
            ("show", number, "--bundle", "bundle.zip"), ("files", number, "--save", "files"), ("jobs",), ("exports",),
            ("verify", "bundle.zip"), ("status",), ("report", "--html", "month.html"), ("reconcile", "--fix"),
            ("reconcile", "--html", "drift.html"), ("doctor",), ("health", "--sync-within", "0"), ("mapping",),
            ("schema",), ("problems",), ("recover", "--since", f"{today}T00:00", "--dry-run"), ("clean", "--dry-run"),
        ):  # fmt: skip
            await walk(*words, code=None)  # 3: the export has findings, and one invoice is in doubt
        await control(sevdesk, "POST", "delete", {"invoice_id": known})
        assert (await billing.do("sync_payments", full=True))["state"] == "done"
        await walk("acknowledge", "OLD-A", "--reason", "Gesehen")
        await walk("undelete", "OLD-A")
    assert set(get_command(cli).commands) == walked | LEFT_OUT  # type: ignore[attr-defined]
