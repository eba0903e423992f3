"""What `preview` says before is what publishing does after."""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from flow.billing import Billing
from flow.operators import Operator
from flow.to_publish import SITUATIONS, Scene

from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.settings import Settings
from worker.store import Store

SAMPLE, MANY = 40, 500
ENDED = {"done": "publishes", "parked": "parks", "rejected": "rejects", "waiting": "waits"}


@pytest.fixture
async def scene(billing: Billing, sevdesk: Running, settings: Settings, worker: object) -> AsyncIterator[Scene]:
    """One worker, and the operator's own connections."""
    store = await Store.connect(settings.database_url, size=2)
    async with open_account(settings) as account:
        yield Scene(billing, sevdesk, store, account, settings, Random())
    await store.close()


async def assert_foreseen(scene: Scene, seed: int) -> None:
    """One situation: its verdict and problem before, and what the job came to."""
    names = list(SITUATIONS)
    name = names[seed % len(names)]
    scene.random.seed(seed)
    scene.sevdesk.sandbox.account.switches.change({"e_invoice_missing": []})
    invoice = await SITUATIONS[name](scene)
    forecast, _ = await scene.foreseen(invoice)
    job_id = await scene.billing.enqueue("publish_invoice", invoice_id=invoice)
    job = await scene.billing.ended(job_id)
    found = (ENDED[job["state"]], job["problem"])
    said = (forecast.verdict, forecast.problem and forecast.problem.code)
    assert said == found, (seed, name, job["error"], forecast.problem and forecast.problem.cause())


async def test_preview_says_what_publishing_does(scene: Scene) -> None:
    """One of each kind of situation, with the same verdict and the same problem."""
    for seed in range(SAMPLE):
        await assert_foreseen(scene, seed)


@pytest.mark.long
async def test_preview_foresees_many_publications(scene: Scene) -> None:
    """As above, with what chance adds to the situations."""
    for seed in range(SAMPLE, SAMPLE + MANY):
        await assert_foreseen(scene, seed)


async def test_preview_of_published_says_so(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """What it is in sevDesk, and that publishing again would change nothing; a change since is named."""
    invoice = await scene.published(is_e_invoice=False)
    operator, row = Operator(settings, tmp_path), await scene.billing.row(invoice)
    shown = await operator.json("preview", str(invoice))
    assert (shown["verdict"], shown["problem"], shown["writes"], shown["body"]) == ("published", None, [], None)
    assert row["external_invoice_number"] in shown["standing"] and row["external_id"] in shown["standing"]
    await scene.spoilt(invoice, "payment_term_days", "99")
    changed = await operator.json("preview", str(invoice), "--offline", code=3)
    assert (changed["verdict"], changed["problem"]["code"]) == ("parks", "changed_after_publication")


@pytest.mark.parametrize("column", ["accounting_sync_status", "claim_status", "document_kind", "final_invoice_form"])
async def test_preview_names_unknown_words(scene: Scene, settings: Settings, tmp_path: Path, column: str) -> None:
    """A status or kind that is none of ours: the problem, and no traceback."""
    invoice = await scene.usual(document_kind="AR")
    await scene.billing.db.execute(
        f"ALTER TABLE billing_invoices DROP CONSTRAINT IF EXISTS billing_invoices_{column}_check"
    )
    await scene.spoilt(invoice, column, "'seltsam'")
    shown = await Operator(settings, tmp_path).json("preview", str(invoice), code=3)
    assert (shown["verdict"], shown["problem"]["code"]) == ("parks", "invoice_value_unknown")
    assert shown["problem"]["parameters"]["column"] == column and shown["recipient"] is None
    rehearsed = await Operator(settings, tmp_path).json("rehearse", code=3)
    assert [group["code"] for group in rehearsed["groups"]] == ["invoice_value_unknown"]


async def test_preview_remembers_the_refusal(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """What sevDesk refused is refused again, and said before the invoice is asked for again; not after a change."""
    invoice = await SITUATIONS["refused before"](scene)
    operator = Operator(settings, tmp_path)
    code, said, _ = await operator.run("preview", str(invoice))
    assert code == 3 and "client_iban" in said and "would park" in said
    await scene.spoilt(invoice, "head_text", "'Anders'")
    shown = await operator.json("preview", str(invoice))
    assert shown["verdict"] == "publishes" and shown["stopped_before"]["code"] == "e_invoice_data_missing"
    assert shown["writes"] == ["delete_draft", "save_invoice", "send_by", "change_parameter"]


async def test_preview_notices_another_account(scene: Scene, settings: Settings, tmp_path: Path) -> None:
    """The workers with this token would wait."""
    invoice = await scene.usual()
    await scene.billing.db.execute("UPDATE sevdesk_config SET account_id = '1'")
    shown = await Operator(settings, tmp_path).json("preview", str(invoice), code=3)
    assert (shown["verdict"], shown["problem"]["code"]) == ("waits", "account_differs")
