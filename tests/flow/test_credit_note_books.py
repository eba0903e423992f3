"""Credit notes in everything that looks at the whole book: reconcile, DATEV, evidence, the operator's commands."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import compared, pay
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.planted import TINY

from sevdesk_client.sandbox.account.records import CreditNote
from sevdesk_client.sandbox.endpoints.credit_notes import add_credit_note
from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import Level
from worker.evidence import bundle as evidence
from worker.evidence.zip_file import read_stored
from worker.settings import Settings
from worker.store import Store

POSITIONS = [{"position": 1, "quantity": "1"}, {"position": 1, "unit_price": "5", "quantity": 1, "name": "Nachlass"}]


@pytest.fixture
def operator(settings: Settings, tmp_path: Path) -> Operator:
    """The operator, who knows the worker's settings."""
    return Operator(settings, tmp_path)


async def credited(billing: Billing, sevdesk: Running) -> tuple[UUID, UUID]:
    """Two paid invoices: one cancelled by a credit note, one credited in part."""
    whole, part = [await billing.usual_invoice() for _ in range(2)]
    for invoice in (whole, part):
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await billing.do("sync_payments")
    for kind, about in (
        ("cancel_invoice", {"invoice_id": whole, "refund": True}),
        ("credit_invoice", {"invoice_id": part, "positions": POSITIONS}),
    ):
        job = await billing.do(kind, reason="Mangel", **about)
        assert (job["state"], job["error"]) == ("done", None)
    return whole, part


async def test_reconcile_agrees_with_credit_notes(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """Both are as they are on record; reading them costs one call more."""
    await credited(billing, sevdesk)
    found = await compared(settings)
    assert (found.findings, found.calls) == ((), 2)


def renumber(note: CreditNote) -> None:
    note.number = "GU-9"


def reopen(note: CreditNote) -> None:
    note.status = 100


def shrink(note: CreditNote) -> None:
    note.fields = note.fields.negated()


@pytest.mark.parametrize(("change", "drift"), [(renumber, "number"), (reopen, "status"), (shrink, "gross")])
async def test_reconcile_finds_changed_credit_notes(
    billing: Billing,
    worker: object,
    sevdesk: Running,
    settings: Settings,
    change: Callable[[CreditNote], None],
    drift: str,
) -> None:
    """Each kind of credit note, changed by hand."""
    invoices = await credited(billing, sevdesk)
    for note in sevdesk.sandbox.account.credit_notes.values():
        change(note)
    found = (await compared(settings)).findings
    assert {(each.drift, each.invoice_id) for each in found} == {(drift, invoice) for invoice in invoices}


async def test_reconcile_finds_missing_and_unknown(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """One is gone in sevDesk, and somebody made another one there."""
    whole, _ = await credited(billing, sevdesk)
    account = sevdesk.sandbox.account
    [own] = [each for each in account.credit_notes.values() if each.origin_id is not None]
    del account.credit_notes[own.id]
    add_credit_note(account, account.invoices[own.source_id])
    found = (await compared(settings)).findings
    assert [(each.drift, each.invoice_id, each.theirs) for each in found] == [
        ("existence", whole, "nothing"),
        ("existence", whole, "credit note GU-1002"),
    ]


async def test_reconcile_finds_equal_numbers(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """Both have the same number, here and in sevDesk."""
    whole, part = await credited(billing, sevdesk)
    for note in sevdesk.sandbox.account.credit_notes.values():
        note.number = "GU-9"
    for table, column in (
        ("sevdesk_credit_notes", "credit_note_number"),
        ("sevdesk_cancellations", "cancellation_number"),
    ):
        await billing.db.execute(f"UPDATE {table} SET {column} = 'GU-9'")  # noqa: S608 - ours
    found = (await compared(settings)).findings
    assert {(each.drift, each.invoice_id, each.ours) for each in found} == {
        ("number", invoice, "credit note GU-9") for invoice in (whole, part)
    }


async def test_finished_by_hand_is_compared(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """Somebody finished the credit note of a cancellation without `refund`: it is on record as finished."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await billing.do("sync_payments")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Mangel")
    assert job["problem"] == "credit_note_draft"
    assert await billing.db.fetchval("SELECT is_draft FROM sevdesk_cancellations")
    [note] = sevdesk.sandbox.account.credit_notes.values()
    note.status = 200
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["problem"] == "credit_note_stands"
    assert await billing.db.fetchval("SELECT is_draft FROM sevdesk_cancellations") is False
    assert (await compared(settings)).findings == ()
    note.number = "GU-9"
    assert [each.drift for each in (await compared(settings)).findings] == ["number"]


async def test_rounding_of_electronic_notes_parks(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Too many small positions for EN 16931: not written, or a warning, as CHECK_LEVELS says."""
    all_of_it = [{"position": position} for position in range(1, 251)]
    async with run_worker(check_levels={"e_invoice_rounding": Level.WARN}):
        invoice = await billing.usual_invoice(is_e_invoice=True, **TINY)
        job = await billing.do("publish_invoice", invoice_id=invoice)
        assert (job["state"], job["problem"]) == ("parked", "e_invoice_invalid")
        await billing.retry(job["job_id"], "confirmed")
        assert (await billing.ended(job["job_id"]))["state"] == "done"
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "10.00")
    async with run_worker():
        job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=all_of_it)
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_rounding")
    assert not sevdesk.sandbox.account.credit_notes
    async with run_worker(check_levels={"e_invoice_rounding": Level.WARN}):
        await billing.retry(job["job_id"])
        job = await billing.ended(job["job_id"])
    assert (job["state"], job["problem"]) == ("parked", "credit_note_invalid")  # what the warning was about
    assert (await billing.events(invoice)).count("legal_warning") == 2  # and the invoice's own


@pytest.mark.usefixtures("quick_exports")
async def test_datev_package_holds_credit_notes(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Today's export is matched whole; a credit note that is missing in our books is a finding."""
    await credited(billing, sevdesk)
    today = time_to_day().isoformat()
    period = {"start_date": today, "end_date": today, "scope": "ET", "include_images": True}
    for known, status, findings in ((True, "accepted", {}), (False, "accepted_with_findings", {"extra": 1})):
        if not known:
            await billing.db.execute("UPDATE sevdesk_credit_notes SET document_day = document_day - 400")
        job = await billing.do("export_datev", **period)
        assert (job["state"], job["error"]) == ("done", None)
        result = json.loads(job["result"])
        assert (result["status"], result["findings"]) == (status, findings)


@pytest.mark.usefixtures("quick_exports")
async def test_datev_expects_the_settling_payment(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """Money that settles a claim after a credit note is a payment; the credit note that settles one is none."""
    for amounts in (("19.50", "40"), ("59.50",)):
        invoice = await billing.usual_invoice()
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        for amount in amounts:
            await pay(sevdesk, (await billing.row(invoice))["external_id"], amount)
            await billing.do("sync_payments")
            if amount == amounts[0]:
                half = [{"position": 1, "quantity": "2"}]
                job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=half)
                assert (job["state"], job["error"]) == ("done", None)
        assert (await billing.events(invoice)).count("settled_by_credit") == 1
    today = time_to_day()
    store = await Store.connect(settings.database_url, size=1)
    expected = [row["amount"] for row in await store.query("payments_of_period", first=today, last=today)]
    await store.close()
    assert sorted(expected) == [Decimal("19.50"), 40, Decimal("59.50")]
    period = {"start_date": today.isoformat(), "end_date": today.isoformat(), "scope": "ET"}
    job = await billing.do("export_datev", **period)
    assert json.loads(job["result"])["findings"] == {}


async def test_evidence_holds_credit_notes(
    billing: Billing, worker: object, sevdesk: Running, database_url: str
) -> None:
    """With positions, reason, sums and PDF."""
    whole, part = await credited(billing, sevdesk)
    store = await Store.connect(database_url, size=1)
    try:
        bundles = [await evidence.bundle(store, each) for each in (whole, part)]
    finally:
        await store.close()
    assert [evidence.verify(each) for each in bundles] == [[], []]
    files = read_stored(bundles[1])
    records = [json.loads(line) for line in files["records.jsonl"].splitlines()]
    [note] = [record["body"] for record in records if record["kind"] == "credit_note"]
    assert (note["reason"], note["gross_amount"], note["status"]) == ("Mangel", "35.7", "finalized")
    assert [each["position"] for each in note["content"]["positions"]] == [1, 1]
    assert sum(name.endswith("credit_note_pdf.pdf") for name in files) == 1
    cancelled = read_stored(bundles[0])["records.jsonl"]
    assert b'"kind":"credit_note"' in cancelled and b'"refund_due":"119' in cancelled


async def test_operator_credits_and_looks(
    billing: Billing, worker: object, sevdesk: Running, operator: Operator
) -> None:
    """`enqueue` takes the list as it is written in the documentation; `show` tells of the credit note."""
    _, part = await credited(billing, sevdesk)
    number = (await billing.row(part))["invoice_number"]
    given = (
        "enqueue",
        "credit_invoice",
        f"invoice_id={number}",
        "reason=Rest",
        'positions=[{"position": 1, "quantity": 1}]',
    )
    job_id = (await operator.json(*given))["job_id"]
    job = await billing.ended(job_id)
    assert (job["state"], job["error"]) == ("done", None)
    shown = await operator.json("show", number)
    told = [each["what"] for each in shown["timeline"]]
    assert told.count("credited") == 2 and "credit_note_pdf" in told
    code, out, _ = await operator.run("why", job_id)
    told = "is credited or cancelled (document: GU-1001, GU-1002), and 65.45 EUR must be paid back"
    assert code == 3 and told in " ".join(out.split()), out


async def test_each_rate_has_its_limit(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Of two rates one is credited whole, with the period of the invoice; then nothing is left at that rate."""
    day = time_to_day()
    invoice = await billing.usual_invoice(
        items=(("1", "100", "19"), ("2", "10", "7")), net_amount="120.00", tax_amount="20.40", gross_amount="140.40",
        service_from=day.replace(day=1), service_to=day,
    )  # fmt: skip
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "140.40")
    job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=[{"position": 2}])
    assert (job["state"], job["error"]) == ("done", None)
    [note] = sevdesk.sandbox.account.credit_notes.values()
    assert (str(note.fields.sums.gross), note.fields.delivery_date_until is not None) == ("21.40", True)
    more = [{"position": 2, "quantity": "0.1"}]
    job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=more)
    assert (job["state"], parameters(job)["rates"]) == ("rejected", "7%")


@pytest.mark.parametrize("part", [True, False])
async def test_e_invoice_is_credited(billing: Billing, worker: object, sevdesk: Running, part: bool) -> None:
    """Its credit note is electronic, too, and names the payment method, without which sevDesk refuses it (830)."""
    invoice = await billing.usual_invoice(is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    if part:
        job = await billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=POSITIONS)
    else:
        job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Mangel", refund=True)
    assert (job["state"], job["error"]) == ("done", None)
    [note] = sevdesk.sandbox.account.credit_notes.values()
    assert note.fields.is_e_invoice and note.fields.payment_method_id is not None


@pytest.mark.parametrize("part", [True, False])
async def test_mail_goes_to_the_documents_recipient(
    billing: Billing, worker: object, sevdesk: Running, part: bool
) -> None:
    """The deal has another company by now; the credit note is addressed and mailed to whom the invoice is."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    other = await billing.company(name="Andere AG", email="andere@example.com", city="Hamburg")
    await billing.db.execute("UPDATE hubspot_associations SET to_id = $1", other)
    about = ("credit_invoice", {"positions": POSITIONS}) if part else ("cancel_invoice", {"refund": True})
    job = await billing.do(about[0], invoice_id=invoice, reason="Mangel", notify=True, **about[1])
    assert (job["state"], job["error"]) == ("done", None)
    account = sevdesk.sandbox.account
    [note], [mail] = account.credit_notes.values(), account.mails
    [document] = account.invoices.values()
    assert (note.fields.contact_id, note.fields.address_city) == (document.fields.contact_id, "Berlin")
    assert (mail["to"], mail["subject"]) == ("rechnung@example.com", f"Gutschrift {note.number}")


async def test_redirected_credit_note_is_not_finished(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Somebody has given sevDesk's draft to another contact: it is not finished, and no number is drawn."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="Mangel"))["state"] == "parked"
    [note] = sevdesk.sandbox.account.credit_notes.values()
    note.fields = replace(note.fields, contact_id=1)
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Mangel", refund=True, notify=True)
    assert (job["state"], job["problem"], parameters(job)["differences"]) == ("parked", "not_our_document", "contact")
    assert (note.status, sevdesk.sandbox.account.mails) == (100, [])
