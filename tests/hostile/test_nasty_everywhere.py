"""One nasty string in every text column and in sevDesk's records: no command and no report passes it on as it is."""

import asyncio
import csv
import io
import json
import re
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

import pytest
from flow.billing import time_to_day
from flow.books import pay
from flow.operators import Operator
from flow.processes import environment
from flow.stage import Stage
from flow.waiting import PATIENCE
from hostile import nasty
from hostile.nasty import COLUMNS, NASTY, spoil

from worker.domain.visible import visible
from worker.handlers import datev_export

SHOWN = ("\\x1b[2J", "\\u001b[2J")
FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
# Read as one of a fixed set, or as the name of something else: spoilt, commands would say only that they do not know
# it. `test_unknown_word_is_shown_harmless` spoils them one by one.
WORDS = (
    "billing_invoices.accounting_provider", "billing_invoices.currency",
    "billing_invoice_event_log.event_type", "sevdesk_jobs.kind", "sevdesk_jobs.problem",
    "sevdesk_jobs.order_key", "sevdesk_queue.order_key", "sevdesk_intents.subject", "sevdesk_intents.action",
    "sevdesk_intents.step", "sevdesk_jobs.steps_done", "sevdesk_jobs.confirmed", "hubspot_associations.label",
    "companies.country_code", "contacts.country_code", "billing_invoices.external_id", "sevdesk_invoices.external_id",
    "sevdesk_config.account_id", "sevdesk_config.contact_person_id", "sevdesk_documents.sha256",
)  # fmt: skip


@dataclass
class Spoilt:
    """An operator's terminal, and what there is to ask about."""

    operator: Operator
    sent: str
    parked: str
    job: str
    export: str
    columns: set[str]


@pytest.fixture
async def lived(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A database in which everything has happened once: sent, cancelled, parked, exported, synced, written."""
    monkeypatch.setattr(datev_export, "FIRST_POLL", 0.1)
    billing = stage.billing
    sent, cancelled = await billing.usual_invoice(head_text="Kopf", foot_text="Fuß"), await billing.usual_invoice()
    parked = await billing.usual_invoice(gross_amount="1.00")
    without_mail = await billing.company(name="Stumm GmbH", email=None)
    large = {"net_amount": "1000.00", "tax_amount": "190.00", "gross_amount": "1190.00"}
    await billing.invoice(await billing.deal(without_mail), **large)
    async with stage.working():
        for kind, payload in (
            ("test_connection", {}), ("refresh_templates", {"force": True}), ("publish_invoice", {"invoice_id": sent}),
            ("send_invoice", {"invoice_id": sent, "cc": "chef@example.com"}),
            ("publish_invoice", {"invoice_id": cancelled}),
            ("cancel_invoice", {"invoice_id": cancelled, "reason": "Irrtum", "notify": True}),
            ("mail_bounced", {"invoice_id": sent, "reason": "unbekannt"}),
            ("update_config", {"payment_sync_interval_minutes": 30}),
            ("export_datev", {"start_date": str(time_to_day()), "end_date": str(time_to_day())}),
        ):  # fmt: skip
            assert (await billing.do(kind, **payload))["state"] == "done", kind
        await pay(stage.sevdesk, await stage.there(sent), "19.00")
        assert (await billing.do("sync_payments"))["state"] == "done"
        job = await billing.do("publish_invoice", invoice_id=parked)
        assert job["state"] == "parked"
    export = await billing.db.fetchval("SELECT export_id::text FROM sevdesk_datev_exports")
    return {"sent": str(sent), "parked": str(parked), "job": job["job_id"], "export": export}


@pytest.fixture
async def spoilt(stage: Stage, lived: dict[str, str], tmp_path: Path) -> Spoilt:
    """Every text of it, and of sevDesk's copies."""
    texts = ("header", "head_text", "foot_text", "address_name", "address_street", "address_city")
    invoices = stage.sevdesk.sandbox.account.invoices
    for invoice in invoices.values():
        invoice.fields, invoice.number = nasty.spoilt(invoice.fields, texts), f"{NASTY}{invoice.number}"
    columns = await spoil(stage.billing.db, WORDS)
    return Spoilt(Operator(stage.settings, tmp_path), columns=columns, **lived)


def commands(about: Spoilt) -> dict[str, list[str]]:
    """By whether the text must be seen in what they say."""
    sent, parked, job, export = about.sent, about.parked, about.job, about.export
    shows = [
        f"show {sent}", f"show {parked}", f"why {parked}", f"why {sent}", f"why {job}", f"preview {parked} --offline",
        "jobs", f"jobs {job}", "status", "top --once", f"files {sent}",
        "readiness --offline", "reconcile",
    ]  # fmt: skip
    may = [
        "exports", f"exports {export}",
        "doctor", "health", "recover --since 2020-01-01 --dry-run", f"undelete {sent}", f"retry {job}", "mapping",
        f"acknowledge {sent} --reason {NASTY}", f"dismiss {job} --reason {NASTY}", f"why {NASTY}", f"files {NASTY}",
        f"exports {NASTY}", f"jobs --invoice {NASTY}", f"jobs {NASTY}", f"tail --invoice {NASTY}", f"problems {NASTY}",
        f"enqueue publish_invoice invoice_id={NASTY}", f"enqueue {NASTY}", f"undelete {NASTY}", f"verify {NASTY}",
        f"recover --since {NASTY}", f"acknowledge {NASTY} --reason x", f"files {sent} --save {NASTY}",
        f"jobs --kind {NASTY}",
    ]  # fmt: skip
    return {"shows": shows, "may": may}


async def test_every_command_makes_it_visible(spoilt: Spoilt) -> None:
    """As text and as JSON; `Operator.run` also refuses tracebacks."""
    assert len(spoilt.columns) > 60, sorted(spoilt.columns)
    found = []
    for kind, lines in commands(spoilt).items():
        for line in lines:
            for more in ([], ["--json"]):
                code, out, err = await spoilt.operator.run(*line.split(" "), *more)
                if visible(out + err) != out + err:
                    found.append(f"{line} {more}: passes it on")
                if not out + err or (kind == "shows" and not any(each in out for each in SHOWN)):
                    found.append(f"{line} {more}: does not show it, exit {code}: {(out + err)[:300]}")
                if more and out:
                    json.loads(out)
    assert found == [], "\n".join(each[:100] for each in found)


async def test_spreadsheet_gets_no_formula(spoilt: Spoilt) -> None:
    """No cell of a CSV begins as a formula does, or holds a control character."""
    for line in ("jobs", f"files {spoilt.sent}", "exports", f"exports {spoilt.export}"):
        code, out, err = await spoilt.operator.run(*line.split(), "--csv")
        assert (code, err) == (0, ""), line
        cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
        assert any(cell.startswith("'=1+1") for cell in cells) or "export" in line, (line, out)
        assert [cell for cell in cells if FORMULA.match(cell) or visible(cell) != cell] == [], line


@pytest.mark.parametrize("command", ["reconcile", "readiness"])
async def test_page_gets_no_markup(spoilt: Spoilt, command: str) -> None:
    """No tag and no control character of it; the file is its owner's alone."""
    page = spoilt.operator.folder / "page.html"
    await spoilt.operator.run(command, "--html", str(page))
    html = page.read_bytes().decode()
    assert SHOWN[0] in html and "&lt;b&gt;" in html and "<b>" not in html
    assert visible(html) == html
    assert page.stat().st_mode & 0o777 == 0o600


async def test_tail_makes_it_visible(stage: Stage, spoilt: Spoilt) -> None:
    """What is past, and what is told while it listens."""
    for more in ([], ["--json"]):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", "tail", *more, cwd=spoilt.operator.folder,
            env=environment(stage.settings, {}), stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            said = b"".join([await process.stdout.readline() for _ in range(5)])
            told = {"job_id": NASTY, "kind": NASTY, "invoice_number": NASTY, "outcome": NASTY, "problem": NASTY}
            await stage.billing.db.execute("SELECT pg_notify('sevdesk_events', $1)", json.dumps(told))
            while b"REIZER" not in said:
                said += await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, problem = await process.communicate()
        text = (said + rest + problem).decode()
        assert visible(text) == text and any(each in text for each in SHOWN)


@pytest.mark.long
@pytest.mark.parametrize("column", WORDS)
async def test_unknown_word_is_shown_harmless(stage: Stage, lived: dict[str, str], tmp_path: Path, column: str) -> None:
    """A status, kind or reference that nothing knows ends in a sentence at worst."""
    all_columns = await stage.billing.db.fetch(COLUMNS)
    await spoil(stage.billing.db, {f"{table}.{name}" for table, name, _ in all_columns} - {column})
    about = Spoilt(Operator(stage.settings, tmp_path), columns={column}, **lived)
    for line in commands(about)["shows"]:
        for more in ([], ["--json"]):
            _, out, err = await about.operator.run(*line.split(" "), *more)
            assert out + err and visible(out + err) == out + err, line
