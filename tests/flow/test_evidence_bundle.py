"""The evidence of a real invoice: everything that is on record, and it proves itself."""

import hashlib
import json
from uuid import uuid4

import pytest
from flow.billing import Billing
from flow.books import pay

from sevdesk_client.sandbox.http.server import Running
from worker.evidence import bundle as evidence
from worker.evidence.zip_file import read_stored
from worker.store import Store


async def test_bundle_holds_the_whole_story(
    billing: Billing, worker: object, sevdesk: Running, database_url: str
) -> None:
    """Events, requests by digest, the documents byte for byte, the mail; another invoice's are not in it."""
    invoice, other = await billing.usual_invoice(), await billing.usual_invoice()
    for kind in ("publish_invoice", "send_invoice"):
        for each in (invoice, other):
            assert (await billing.do(kind, invoice_id=each))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "19.00")
    await billing.do("sync_payments")
    assert (await billing.do("cancel_invoice", invoice_id=other, reason="Doppelt"))["state"] == "done"
    store = await Store.connect(database_url, size=1)
    try:
        bundles = [await evidence.bundle(store, each) for each in (invoice, other)]
        with pytest.raises(LookupError):
            await evidence.bundle(store, uuid4())
    finally:
        await store.close()
    assert [evidence.verify(each) for each in bundles] == [[], []]
    files = read_stored(bundles[0])
    records = [json.loads(line) for line in files["records.jsonl"].splitlines()]
    of = {kind: [r["body"] for r in records if r["kind"] == kind] for kind in {r["kind"] for r in records}}
    assert [event["event_type"] for event in of["event"]] == await billing.events(invoice)
    [head] = of["invoice"]
    assert (head["gross_amount"], head["paid_amount"], head["claim_status"]) == ("119.00", "19", "partially_paid")
    requests = await billing.db.fetch(
        """SELECT request_sha256 FROM sevdesk_intents JOIN sevdesk_jobs USING (job_id) WHERE invoice_id = $1""", invoice
    )
    assert {r["request_sha256"] for r in of["request"]} == {r["request_sha256"] for r in requests}
    assert {"save_invoice", "send_via_email"} <= {r["action"] for r in of["request"]}
    [mail] = of["mail"]
    assert (mail["recipient"], mail["pdf_sha256"]) == ("rechnung@example.com", of["document"][0]["sha256"])
    [pdf] = [content for name, content in files.items() if name.startswith("documents/")]
    assert hashlib.sha256(pdf).hexdigest() == of["document"][0]["sha256"]
    assert str(other).encode() not in files["records.jsonl"]
    cancelled = read_stored(bundles[1])
    assert sum(name.startswith("documents/") for name in cancelled) == 2
    assert b'"kind":"cancellation"' in cancelled["records.jsonl"]
