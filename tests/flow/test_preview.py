"""What `preview` says before is what publishing does after."""

from collections.abc import AsyncIterator
from random import Random

import pytest
from flow.billing import Billing
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
