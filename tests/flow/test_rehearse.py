"""rehearse foretells a whole month: what would be published, and what would stop, as publishing then finds it."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from flow.billing import Billing, time_to_day
from flow.books import calls
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.to_publish import SITUATIONS, Scene

from sevdesk_client.sandbox.http import server
from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.operator.rehearse import Rehearsal, forecasts, rehearse
from worker.operator.shadow import shadow_run
from worker.settings import Settings
from worker.store import Store

ENDED = {"done": "publishes", "parked": "parks", "rejected": "rejects"}
# Problems of our own rows, which need no look into sevDesk.
PLANTED = (
    "gross sum", "net sum", "no recipient", "two recipients", "no city", "no country", "odd country", "wrong e-mail",
    "unknown unit", "tax free to Austria", "odd rate", "tax rule", "old day", "wrong skonto", "foreign money",
    "template",
)  # fmt: skip


@pytest.fixture
async def scene(billing: Billing, sevdesk: Running, settings: Settings) -> AsyncIterator[Scene]:
    """No worker runs yet."""
    store = await Store.connect(settings.database_url, size=2)
    async with open_account(settings) as account:
        yield Scene(billing, sevdesk, store, account, settings, Random(7))
    await store.close()


async def month(scene: Scene, *, right: int, planted: int) -> list[UUID]:
    """Invoices that are right, deals with an advance and a final invoice, and `planted` ones with a problem."""
    invoices = [await scene.usual(document_kind="AR") for _ in range(right)]
    for number in range(planted):
        if number % 4:
            invoices.append(await SITUATIONS[PLANTED[number % len(PLANTED)]](scene))
        else:
            invoices += await deal_with_both(scene, deducts=number % 8 == 0)
    return invoices


async def deal_with_both(scene: Scene, *, deducts: bool) -> list[UUID]:
    """A final invoice that deducts the advance of the same month, or forgets to."""
    deal = await scene.billing.deal(await scene.billing.company())
    items = (("1", "200", "19"), ("1", "-100", "19"))[: 2 if deducts else 1]
    sums = ("100.00", "19.00", "119.00") if deducts else ("200.00", "38.00", "238.00")
    about = dict(zip(("net_amount", "tax_amount", "gross_amount"), sums, strict=True))
    final = await scene.billing.invoice(deal, document_kind="SR", items=items, **about)
    return [await scene.billing.invoice(deal), final]


async def assert_foretold(scene: Scene, invoices: list[UUID], run_worker: RunWorker) -> Counter[str]:
    """Each invoice comes to what was said of it; returns how many came to what."""
    said = {
        each.invoice_id: (each.forecast.verdict, each.forecast.problem and each.forecast.problem.code)
        async for each in forecasts(scene.store, scene.settings, scene.account, None, None)
    }
    assert said.keys() == set(invoices)
    async with run_worker():
        jobs = {invoice: await scene.billing.request("publish_invoice", invoice_id=invoice) for invoice in invoices}
        found = {}
        for invoice, job_id in jobs.items():
            job = await scene.billing.ended(job_id, seconds=600)
            found[invoice] = (ENDED[job["state"]], job["problem"])
    assert {id: (said[id], found[id]) for id in said if said[id] != found[id]} == {}
    return Counter(verdict for verdict, _ in found.values())


async def test_rehearsal_foretells_a_month(scene: Scene, run_worker: RunWorker) -> None:
    """A small one."""
    found = await assert_foretold(scene, await month(scene, right=10, planted=16), run_worker)
    assert found["parks"] >= 10 and found["publishes"] >= 10


@pytest.mark.long
async def test_rehearsal_foretells_two_thousand(scene: Scene, run_worker: RunWorker) -> None:
    """As many as a month has, with sixty problems."""
    found = await assert_foretold(scene, await month(scene, right=1925, planted=60), run_worker)
    assert found["publishes"] > 1900


async def rehearsed(scene: Scene) -> Rehearsal:
    return await rehearse(scene.store, scene.settings, scene.account, None, None)


async def test_rehearsal_writes_nothing(scene: Scene, sevdesk: Running) -> None:
    """Not to our tables, and of sevDesk it asks only for facts about the account."""
    await month(scene, right=2, planted=8)
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
