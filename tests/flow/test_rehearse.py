"""rehearse foretells a whole month: what would be published, and what would stop, as publishing then finds it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from flow.billing import Billing, time_to_day
from flow.books import calls
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.planted import PLANTED, STRICT
from flow.processes import environment
from flow.to_publish import SITUATIONS, Scene

from sevdesk_client.sandbox.http import server
from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.operator.page_store import PageStore
from worker.operator.rehearse import Rehearsal, forecasts, rehearse
from worker.operator.shadow import shadow_run
from worker.settings import Settings
from worker.store import Store

ENDED = {"done": "publishes", "parked": "parks", "rejected": "rejects"}
PROBLEMS = 60
APPROVED = """SELECT count(*) FROM billing_invoices
              WHERE document_status = 'approved' AND accounting_sync_status NOT IN ('synced', 'cancelled')"""


@pytest.fixture
async def scene(billing: Billing, sevdesk: HoldableSevdesk, settings: Settings) -> AsyncIterator[Scene]:
    """No worker runs yet."""
    store = await Store.connect(settings.database_url, size=2)
    async with open_account(settings) as account:
        yield Scene(billing, sevdesk, store, account, settings, Random(7))
    await store.close()


async def month(scene: Scene, run_worker: RunWorker, invoices: int) -> dict[UUID, str]:
    """So many approved invoices; returns those that are wrong, one for each entry of PLANTED, with their codes.

    Of the right ones every tenth deal has an advance and a final invoice that deducts it.
    """
    scene.deal_types = ("EB",)
    async with run_worker(**STRICT):
        wrong = {await plant(scene): code for code, plant in PLANTED}
    while (missing := invoices - await scene.billing.db.fetchval(APPROVED)) > 0:
        if missing % 20 == 2:
            await deal_with_both(scene, deducts=True)
        else:
            await scene.usual(document_kind="AR")
    return wrong


async def deal_with_both(scene: Scene, *, deducts: bool) -> list[UUID]:
    """A final invoice that deducts the advance of the same month, or forgets to."""
    deal = await scene.billing.deal(await scene.billing.company())
    items = (("1", "200", "19"), ("1", "-100", "19"))[: 2 if deducts else 1]
    sums = ("100.00", "19.00", "119.00") if deducts else ("200.00", "38.00", "238.00")
    about = dict(zip(("net_amount", "tax_amount", "gross_amount"), sums, strict=True))
    final = await scene.billing.invoice(deal, document_kind="SR", items=items, **about)
    return [await scene.billing.invoice(deal), final]


async def assert_foretold(scene: Scene, run_worker: RunWorker, invoices: int) -> None:
    """Each invoice comes to what was said of it, and the planted ones to what they were planted for."""
    wrong = await month(scene, run_worker, invoices)
    settings = scene.settings.model_copy(update=STRICT)
    said = {
        each.invoice_id: (each.forecast.verdict, each.forecast.problem and each.forecast.problem.code)
        async for each in forecasts(scene.store, settings, scene.account, None, None)
    }
    assert len(said) == invoices
    async with run_worker(**STRICT):
        jobs = {invoice: await scene.billing.request("publish_invoice", invoice_id=invoice) for invoice in said}
        found = {}
        for invoice, job_id in jobs.items():
            job = await scene.billing.ended(job_id, seconds=600)
            found[invoice] = (ENDED[job["state"]], job["problem"])
    assert {id: (said[id], found[id]) for id in said if said[id] != found[id]} == {}
    assert {id: code for id, (_, code) in found.items() if code is not None} == wrong
    assert sum(verdict == "publishes" for verdict, _ in found.values()) == invoices - PROBLEMS


def test_sixty_problems_are_planted() -> None:
    """Of nearly as many kinds, from all that an invoice's rows say."""
    assert len(PLANTED) == PROBLEMS and len({code for code, _ in PLANTED}) == 58


async def test_rehearsal_foretells_a_month(scene: Scene, run_worker: RunWorker) -> None:
    """A small one, with all the problems."""
    await assert_foretold(scene, run_worker, 80)


@pytest.mark.long
async def test_rehearsal_foretells_two_thousand(scene: Scene, run_worker: RunWorker) -> None:
    """As many as a month has."""
    await assert_foretold(scene, run_worker, 2000)


async def rehearsed(scene: Scene) -> Rehearsal:
    return await rehearse(scene.store, scene.settings, scene.account, None, None)


async def test_rehearsal_writes_nothing(scene: Scene, sevdesk: Running) -> None:
    """Not to our tables, and of sevDesk it asks only for facts about the account."""
    await scene.usual()
    await deal_with_both(scene, deducts=False)
    tables = ("sevdesk_jobs", "sevdesk_intents", "sevdesk_contacts", "billing_invoice_event_log")
    before = [await scene.billing.db.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608 - ours
    assert (await rehearsed(scene)).stops
    assert [await scene.billing.db.fetchval(f"SELECT count(*) FROM {t}") for t in tables] == before  # noqa: S608 - ours
    asked = set(await calls(sevdesk))
    assert asked <= {
        "GET /SevUser", "GET /Unity", "GET /StaticCountry", "GET /PaymentMethod", "GET /TaxRule",
        "GET /DocServer/getTemplatesWithThumb",
    }  # fmt: skip


async def test_rehearse_groups_by_problem(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """Counts, the first examples and the cause; exit 3 when any would stop, and only the days that were asked for."""
    wrong = [await scene.billing.row(await scene.usual(gross_amount="1.00")) for _ in range(7)]
    warned = await scene.billing.invoice(await scene.billing.deal(await scene.billing.company(country_code="CH")))
    operator = Operator(settings, tmp_path)
    shown = await operator.json("rehearse", code=3)
    assert (shown["invoices"], shown["publishes"], shown["stops"]) == (8, 1, 7)
    first, second = shown["groups"]
    assert (first["code"], first["stops"], first["count"], first["verdict"]) == ("sums_differ", True, 7, "parks")
    assert len(first["examples"]) == 5 and set(first["examples"]) <= {row["invoice_number"] for row in wrong}
    assert "add up to" in first["cause"] and (second["stops"], second["count"]) == (False, 1)
    code, said, _ = await operator.run("rehearse", "--offline", SEVDESK_API_TOKEN="")
    assert code == 3 and "1 would be published, 7 would not" in said and "Not judged: users, units" in said
    await scene.spoilt(warned, "issue_date", "'2031-01-01'")
    assert (await operator.json("rehearse", "--to", f"{time_to_day()}", code=3))["invoices"] == 7
    assert (await operator.json("rehearse", "--from", "2030-12-31", code=3))["invoices"] == 1
    code, _, error = await operator.run("rehearse", "--from", "2030-12-31", "--to", "2030-12-30")
    assert code == 2 and "--from is later" in error
    code, said, _ = await operator.run("rehearse", "--offline", "--to", "2000-01-01")
    assert code == 0 and "no approved invoice" in said


async def test_rehearsal_remembers_refusals(scene: Scene, worker: object, settings: Settings, tmp_path: Path) -> None:
    """What sevDesk refused when the invoice was to get its number it refuses again, until something is changed."""
    invoice = await SITUATIONS["refused before"](scene)
    operator = Operator(settings, tmp_path)
    [group] = (await operator.json("rehearse", code=3))["groups"]
    assert (group["code"], group["verdict"], group["count"]) == ("e_invoice_data_missing", "parks", 1)
    await scene.spoilt(invoice, "head_text", "'Anders'")
    assert (await operator.json("rehearse"))["publishes"] == 1
    code, said, _ = await operator.run("rehearse", "--offline", SEVDESK_API_TOKEN="")
    assert code == 0 and "whether it refused the very same request before cannot be told" in " ".join(said.split())


async def test_shadow_run_compares_documents(
    scene: Scene, sevdesk: Running, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies are published into a sandbox of its own, e-invoices judged; one that computes otherwise is found out."""
    await scene.to(email="rechnung@example.com")
    await scene.spoilt(await scene.to(), "is_e_invoice", "true")
    await deal_with_both(scene, deducts=True)
    await scene.usual(gross_amount="1.00")
    page = tmp_path / "shadow.html"
    shown = await Operator(settings, tmp_path).json("rehearse", "--against-sandbox", "--html", str(page), code=3)
    assert (shown["invoices"], shown["publishes"]) == (5, 4)
    assert [group["code"] for group in shown["groups"] if group["stops"]] == ["sums_differ"]
    assert "1 would not" in page.read_text() and "sums_differ" in page.read_text()
    assert shown["compared"] == 4 and "compared with what they should say: 4 (" in page.read_text()
    assert await calls(sevdesk) == []
    assert await scene.billing.db.fetchval("SELECT count(*) FROM sevdesk_contacts") == 0
    start = server.running

    @asynccontextmanager
    async def wrong_by_a_cent() -> AsyncIterator[Running]:
        async with start() as sandbox:
            sandbox.sandbox.account.switches.change({"cent_off": True})
            yield sandbox

    monkeypatch.setattr(server, "running", wrong_by_a_cent)
    found = await shadow_run(scene.store, settings, None, None)
    assert {group.code for group in found.groups if group.stops} == {"sums_differ", "sevdesk_sums_differ"}
    assert found.publishes == 0


# A worker's command in which a check fails for one invoice, as no row is known to make it fail.
FAILING = """
import sys
from worker.steps import check
wrong, number = check.wrong_skonto, sys.argv[-1]
def failing(invoice):
    if invoice.number == number:
        raise KeyError(invoice.items[0].name)
    return wrong(invoice)
check.wrong_skonto = failing
from worker.__main__ import main
sys.argv[1:] = ["rehearse", "--offline", "--json"]
main()
"""


async def test_unexpected_errors_stop_no_other(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """Its line in the report names the place and nothing of the invoice; the others are reported, exit 3."""
    failing = await scene.billing.row(await scene.usual(document_kind="AR"))
    await scene.usual(gross_amount="1.00")
    await scene.usual(document_kind="AR")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FAILING, failing["invoice_number"], cwd=tmp_path, env=environment(settings, {}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = [text.decode() for text in await process.communicate()]
    assert (process.returncode, err) == (3, "")
    shown = json.loads(out)
    assert (shown["invoices"], shown["publishes"]) == (3, 1)
    causes = {group["code"]: group["cause"] for group in shown["groups"] if group["stops"]}
    assert causes.keys() == {"sums_differ", "unexpected_error"}
    assert (
        causes["unexpected_error"].startswith("Unexpected KeyError (worker/steps/check.py:") and "Leistung" not in out
    )


async def test_unreadable_rows_stop_no_other(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that cannot be read at once is read one by one."""
    bad = await scene.usual(document_kind="AR")
    for _ in range(3):
        await scene.usual(document_kind="AR")
    load = PageStore.load

    async def failing(store: PageStore, ids: Sequence[UUID]) -> None:
        if bad in ids:
            raise ValueError("Müller")
        await load(store, ids)

    monkeypatch.setattr(PageStore, "load", failing)
    found = await rehearsed(scene)
    assert (found.invoices, found.publishes) == (4, 3)
    assert [(group.code, group.count) for group in found.groups if group.stops] == [("unexpected_error", 1)]
    assert "Müller" not in str(found)
