"""What would take something away from many invoices at once is asked about first."""

from pathlib import Path
from uuid import UUID

from flow.billing import Billing
from flow.books import control, pay
from flow.operators import Operator
from flow.stage import Stage

LIMIT = {"mass_change_limit": 2}
ASKED = "SELECT job_id FROM sevdesk_jobs WHERE problem = 'mass_change' AND state = 'parked'"


async def published(stage: Stage, count: int) -> list[UUID]:
    return [await stage.published() for _ in range(count)]


async def delete(stage: Stage, invoices: list[UUID]) -> None:
    for invoice in invoices:
        await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})


async def statuses(billing: Billing, invoices: list[UUID], column: str = "accounting_sync_status") -> set[str]:
    return {(await billing.row(invoice))[column] for invoice in invoices}


async def test_few_deletions_are_recorded(stage: Stage) -> None:
    """As many as the limit allows."""
    async with stage.working(**LIMIT):
        invoices = await published(stage, 3)
        await delete(stage, invoices[:2])
        assert (await stage.billing.do("sync_payments", full=True))["state"] == "done"
        assert await statuses(stage.billing, invoices[:2]) == {"parked"}
        assert await statuses(stage.billing, invoices[2:]) == {"synced"}


async def test_many_deletions_ask_first(stage: Stage) -> None:
    """Nothing of it is recorded, a second sweep asks no second time, and after the answer all of it is."""
    async with stage.working(**LIMIT):
        invoices = await published(stage, 5)
        await pay(stage.sevdesk, await stage.there(invoices[4]), "119.00")
        await delete(stage, invoices[:4])
        asks = await stage.billing.do("sync_payments", full=True)
        assert (asks["state"], asks["problem"]) == ("parked", "mass_change")
        assert await statuses(stage.billing, invoices) == {"synced"}
        assert (await stage.billing.row(invoices[4]))["claim_status"] == "paid"  # the rest goes on
        again = await stage.billing.do("sync_payments", full=True)
        assert again["state"] == "done" and '"held_back"' in again["result"]
        assert len(await stage.billing.db.fetch(ASKED)) == 1
        await stage.billing.retry(asks["job_id"], "confirmed")
        assert (await stage.billing.ended(asks["job_id"]))["state"] == "done"
        assert await statuses(stage.billing, invoices[:4]) == {"parked"}


async def test_a_drip_asks_too(stage: Stage, tmp_path: Path) -> None:
    """Two in each run, run after run; the answer holds for what was recorded before, and the count begins anew."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working(**LIMIT):
        billing, invoices = stage.billing, await published(stage, 10)
        await delete(stage, invoices[:2])
        assert (await billing.do("sync_payments", full=True))["state"] == "done"
        await delete(stage, invoices[2:4])
        asks = await billing.do("sync_payments", full=True)
        assert asks["problem"] == "mass_change" and "2 such changes of the two days before" in asks["error"]
        assert await statuses(billing, invoices[2:]) == {"synced"}
        # Weeks later nobody has answered: it still is one question about four, and no run slips through.
        await billing.db.execute("UPDATE sevdesk_sync_runs SET started_at = started_at - interval '20 days'")
        assert '"held_back"' in (await billing.do("sync_payments", full=True))["result"]
        for answer in (None, "confirmed"):
            await billing.retry(asks["job_id"], answer)
            ended = await billing.ended(asks["job_id"])
        assert ended["state"] == "done" and await statuses(billing, invoices[:4]) == {"parked"}
        await delete(stage, invoices[4:6])
        assert (await billing.do("sync_payments", full=True))["state"] == "done"
        await control(stage.sevdesk, "POST", "cancel", {"invoice_id": await stage.there(invoices[6])})
        code, _, said = await operator.run("reconcile", "--fix", MASS_CHANGE_LIMIT="2")
        assert code == 1 and "2 were found so within the last two days" in " ".join(said.split())
        assert (await billing.do("sync_payments"))["problem"] == "mass_change"
        # Two days after the last change this was no drip; but the question stays one until it is answered.
        await billing.db.execute("UPDATE sevdesk_sync_runs SET started_at = started_at - interval '3 days'")
        assert '"held_back"' in (await billing.do("sync_payments", full=True))["result"]


async def test_a_repeated_run_counts_its_changes_once(stage: Stage) -> None:
    """The worker died after it had counted them, and before it recorded them: the next attempt finds the same."""
    async with stage.working(**LIMIT):
        invoices = await published(stage, 5)
    await delete(stage, invoices[:2])
    job_id = await stage.billing.request("sync_payments", full=True)
    died = "INSERT INTO sevdesk_sync_runs (job_id, scope, taken_away) VALUES ($1, 'full', 2)"
    await stage.billing.db.execute(died, job_id)
    async with stage.working(**LIMIT):
        assert (await stage.billing.ended(job_id))["state"] == "done"
    assert await statuses(stage.billing, invoices[:2]) == {"parked"}


async def test_rare_changes_never_ask(stage: Stage) -> None:
    """Two in each run, and days between the runs."""
    async with stage.working(**LIMIT):
        invoices = await published(stage, 7)
        for place in (0, 2, 4):
            await delete(stage, invoices[place : place + 2])
            assert (await stage.billing.do("sync_payments", full=True))["state"] == "done"
            await stage.billing.db.execute("UPDATE sevdesk_sync_runs SET started_at = started_at - interval '3 days'")
        assert await statuses(stage.billing, invoices[:6]) == {"parked"}


async def test_mended_cause_needs_no_answer(stage: Stage) -> None:
    """Payments that were unlinked by mistake and are linked again: the feed asks, and a plain retry finds all well."""
    async with stage.working(**LIMIT):
        billing, invoices = stage.billing, await published(stage, 4)
        for invoice in invoices:
            await pay(stage.sevdesk, await stage.there(invoice), "119.00")
        await billing.do("sync_payments")
        for invoice in invoices:
            await control(stage.sevdesk, "POST", "unlink", {"invoice_id": await stage.there(invoice)})
        asks = await billing.do("sync_payments")
        assert asks["problem"] == "mass_change" and await statuses(billing, invoices, "claim_status") == {"paid"}
        assert (await billing.do("sync_payments"))["state"] == "done"  # the watermark stays before them
        for invoice in invoices:
            await pay(stage.sevdesk, await stage.there(invoice), "119.00")
        await stage.billing.retry(asks["job_id"])
        assert (await billing.ended(asks["job_id"]))["state"] == "done"
        assert await statuses(billing, invoices, "claim_status") == {"paid"}


async def test_one_invoice_is_never_too_many(stage: Stage) -> None:
    """Whoever asks about one invoice gets its state."""
    async with stage.working(mass_change_limit=0):
        [invoice] = await published(stage, 1)
        await delete(stage, [invoice])
        assert (await stage.billing.do("sync_payments", invoice_id=invoice))["state"] == "done"
        assert await statuses(stage.billing, [invoice]) == {"parked"}


async def test_reconcile_asks_before_many_repairs(stage: Stage, tmp_path: Path) -> None:
    """No job is asked for until `--confirmed`."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working(**LIMIT):
        invoices = await published(stage, 3)
        for invoice in invoices:
            await control(stage.sevdesk, "POST", "cancel", {"invoice_id": await stage.there(invoice)})
        code, _, said = await operator.run("reconcile", "--fix", MASS_CHANGE_LIMIT="2")
        assert code == 1 and "3 of 3 invoices are gone" in said
        fixed = await operator.json("reconcile", "--fix", "--confirmed", code=3, MASS_CHANGE_LIMIT="2")
        assert len(fixed["repairs_asked"]) == 3


async def test_answer_holds_for_what_was_asked(stage: Stage) -> None:
    """Confirmed were four deletions; then others follow: it asks again, and a plain retry is no answer to that."""
    async with stage.working(**LIMIT):
        billing, invoices = stage.billing, await published(stage, 10)
        await delete(stage, invoices[:4])
        asks = await billing.do("sync_payments", full=True)
        await delete(stage, invoices[4:9])
        await billing.retry(asks["job_id"], "confirmed")
        again = await billing.ended(asks["job_id"])
        assert (again["state"], again["problem"]) == ("parked", "mass_change")
        assert await statuses(billing, invoices[9:]) == {"synced"} <= await statuses(billing, invoices[:9])
        await billing.retry(asks["job_id"])
        assert (await billing.ended(asks["job_id"]))["problem"] == "mass_change"
        await billing.retry(asks["job_id"], "confirmed")
        assert (await billing.ended(asks["job_id"]))["state"] == "done"
        assert await statuses(billing, invoices[:9]) == {"parked"}


async def test_another_kind_is_asked_about_too(stage: Stage) -> None:
    """While a question about deletions waits, payments are unlinked: that is a question of its own."""
    async with stage.working(**LIMIT):
        billing, invoices = stage.billing, await published(stage, 8)
        for invoice in invoices[4:]:
            await pay(stage.sevdesk, await stage.there(invoice), "119.00")
        await billing.do("sync_payments")
        await delete(stage, invoices[:4])
        assert (await billing.do("sync_payments", full=True))["problem"] == "mass_change"
        for invoice in invoices[4:]:
            await control(stage.sevdesk, "POST", "unlink", {"invoice_id": await stage.there(invoice)})
        assert (await billing.do("sync_payments"))["problem"] == "mass_change"
        assert len(await billing.db.fetch(ASKED)) == 2
