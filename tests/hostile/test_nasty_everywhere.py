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
from uuid import UUID

import pytest
from chaos.scenarios import HALF
from flow.billing import time_to_day
from flow.books import order_fault, pay
from flow.operators import Operator
from flow.processes import environment
from flow.stage import Stage
from flow.waiting import PATIENCE
from hostile import nasty
from hostile.nasty import COLUMNS, NASTY, spoil

from worker.domain.visible import visible
from worker.handlers import datev_export

SHOWN = ("\\x1b[2J", "\\u001b[2J")
DAY = "2020-01-01"
FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
# Read as one of a fixed set, or as the name of something else: spoilt, commands would say only that they do not know
# it. `test_unknown_word_is_shown_harmless` spoils them one by one.
WORDS = (
    "billing_invoices.accounting_provider", "billing_invoices.currency",
    "billing_invoice_event_log.event_type", "sevdesk_jobs.kind", "sevdesk_jobs.problem",
    "sevdesk_jobs.order_key", "sevdesk_queue.order_key", "sevdesk_intents.subject", "sevdesk_intents.action",
    "sevdesk_intents.step", "sevdesk_jobs.steps_done", "sevdesk_jobs.confirmed", "hubspot_associations.label",
    "companies.country_code", "contacts.country_code", "billing_invoices.external_id", "sevdesk_invoices.external_id",
    "sevdesk_config.account_id", "sevdesk_config.publish_only", "sevdesk_config.contact_person_id",
    "sevdesk_documents.sha256",
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
    parked, owed = await billing.usual_invoice(gross_amount="1.00"), await billing.usual_invoice()
    stray, credited = await billing.usual_invoice(), await billing.usual_invoice()
    without_mail = await billing.company(name="Stumm GmbH", email=None)
    large = {"net_amount": "1000.00", "tax_amount": "190.00", "gross_amount": "1190.00"}
    await billing.invoice(await billing.deal(without_mail), **large)
    async with stage.working():
        for kind, payload in (
            ("test_connection", {}), ("refresh_templates", {"force": True}), ("publish_invoice", {"invoice_id": sent}),
            ("send_invoice", {"invoice_id": sent, "cc": "chef@example.com"}),
            ("publish_invoice", {"invoice_id": cancelled}), ("publish_invoice", {"invoice_id": stray}),
            ("publish_invoice", {"invoice_id": owed}), ("publish_invoice", {"invoice_id": credited}),
            ("cancel_invoice", {"invoice_id": cancelled, "reason": "Irrtum", "notify": True}),
            ("mail_bounced", {"invoice_id": sent, "reason": "unbekannt"}),
            ("update_config", {"payment_sync_interval_minutes": 30}),
            ("export_datev", {"start_date": str(time_to_day()), "end_date": str(time_to_day())}),
        ):  # fmt: skip
            assert (await billing.do(kind, **payload))["state"] == "done", kind
        await pay(stage.sevdesk, await stage.there(sent), "200.00")  # too much, which the report says
        await pay(stage.sevdesk, await stage.there(credited), "119.00")
        for kind, payload in (
            ("sync_payments", {}),
            ("credit_invoice", {"invoice_id": credited, "reason": "Mangel", "notify": True, "positions": HALF}),
        ):
            assert (await billing.do(kind, **payload))["state"] == "done", kind
        job = await billing.do("publish_invoice", invoice_id=parked)
        assert job["state"] == "parked"
    await pay(stage.sevdesk, await stage.there(owed), "1.00")  # what reconcile finds
    await no_longer_ours(stage, await stage.there(stray), stray)
    await beside_the_flow(stage, credited)
    finding = {
        "kind": "missing",
        "text": "Fehlt",
        "text_en": "Missing",
        "file": "a.csv",
        "line": 1,
        "number": "RE-1",
        "note": False,
    }
    export = await billing.db.fetchval(
        "UPDATE sevdesk_datev_exports SET report = jsonb_set(report, '{findings}', $1) RETURNING export_id::text",
        json.dumps([finding]),
    )
    return {"sent": str(sent), "parked": str(parked), "job": job["job_id"], "export": export}


async def beside_the_flow(stage: Stage, invoice: UUID) -> None:
    """What needs another account, another person or another night."""
    for statement in (
        "INSERT INTO billing_document_templates (name, deal_type, document_kind) VALUES ('Vorlage', 'EB', 'AR')",
        "INSERT INTO sevdesk_missing (invoice_id, external_id) VALUES ($1, '17')",
        """INSERT INTO sevdesk_reconciliations (started_at, invoices, documents, changing, drift)
           VALUES (now(), 1, 1, 0, '{"amount": 1}')""",
        "UPDATE sevdesk_sync_runs SET asked = '{\"deleted\": 30}'",
        """UPDATE sevdesk_documents SET findings = '[{"rule": "BR-1", "text": "Fehlt"}]' WHERE invoice_id = $1""",
        """UPDATE sevdesk_intents SET addresses = '{"to": "a@example.com"}'""",
    ):
        await stage.billing.db.execute(statement, *[invoice][: statement.count("$1")])


async def no_longer_ours(stage: Stage, external_id: str, invoice: UUID) -> None:
    """What adopt finds: a document without a counterpart, and an invoice without a document."""
    stage.sevdesk.sandbox.account.invoices[int(external_id)].note = None
    await stage.billing.db.execute(
        "UPDATE billing_invoices SET external_id = NULL, accounting_sync_status = 'not_synced' WHERE id = $1", invoice
    )
    await stage.billing.db.execute("DELETE FROM sevdesk_invoices WHERE invoice_id = $1", invoice)


@pytest.fixture
async def spoilt(stage: Stage, lived: dict[str, str], tmp_path: Path) -> Spoilt:
    """Every text of it, and of sevDesk's copies."""
    texts = ("header", "head_text", "foot_text", "address_name", "address_street", "address_city")
    invoices = stage.sevdesk.sandbox.account.invoices
    for invoice in invoices.values():
        invoice.fields, invoice.number = nasty.spoilt(invoice.fields, texts), f"{NASTY}{invoice.number}"
    columns = await spoil(stage.billing.db, WORDS)
    return Spoilt(Operator(stage.settings, tmp_path), columns=columns, **lived)


def looks(about: Spoilt) -> list[str]:
    """Commands that change nothing, and show texts."""
    sent, parked, job, export = about.sent, about.parked, about.job, about.export
    return [
        "reconcile", "adopt --dry-run", f"show {sent}", f"show {parked}", f"why {parked}", f"why {sent}", f"why {job}",
        f"preview {parked}", f"preview {parked} --offline", f"preview {sent} --offline", "jobs", f"jobs {job}",
        "status", "top --once", f"files {sent}", f"exports {export}", "readiness", "readiness --offline", "rehearse",
        "rehearse --offline", "rehearse --against-sandbox", "doctor", f"recover --since {DAY} --dry-run",
    ]  # fmt: skip


def commands(about: Spoilt) -> list[tuple[str, str, str]]:
    """Command, and where its text and its JSON show the string: `out`, `err` (a sentence), or `-` if they have none."""
    sent, job, export = about.sent, about.job, about.export
    silent = [
        "health", "mapping", "problems", "schema", "clean --dry-run", f"enqueue update_config x={NASTY}",
        f"show {sent} --bundle proof.zip", "verify proof.zip", f"exports {export} --save archive", f"undelete {sent}",
        "test-connection", f"enqueue test_connection correlation_id={NASTY}",
    ]  # fmt: skip
    typed = [
        f"why {NASTY}", f"show {NASTY}", f"preview {NASTY} --offline", f"files {NASTY}", f"exports {NASTY}",
        f"jobs {NASTY}", f"jobs --invoice {NASTY}", f"jobs --kind {NASTY}", f"tail --invoice {NASTY}",
        f"problems {NASTY}", f"report {NASTY}", f"verify {NASTY}", f"recover --since {NASTY}", f"retry {NASTY}",
        f"rehearse --from {NASTY}", f"undelete {NASTY}", f"acknowledge {NASTY} --reason x", f"enqueue {NASTY}",
        f"dismiss {NASTY} --reason x", f"enqueue publish_invoice invoice_id={NASTY}",
    ]  # fmt: skip
    acts = [
        ("exports", "-", "out"),  # the table has neither file name nor finding
        ("report", "-", "out"),  # its tables have notices of known codes only; the drift is in JSON and page
        (f"files {sent} --save {NASTY}", "out", "err"),  # the second time the file is there already
        (f"acknowledge {sent} --reason {NASTY}", "out", "-"),
        (f"retry {job}", "-", "err"),  # the second time it is not parked any more
        (f"dismiss {job} --reason {NASTY}", "err", "err"),
    ]
    return [
        *((line, "out", "out") for line in looks(about)), *((line, "-", "-") for line in silent),
        *((line, "err", "err") for line in typed), *acts,
    ]  # fmt: skip


async def test_every_command_makes_it_visible(spoilt: Spoilt) -> None:
    """As text and as JSON; `Operator.run` also refuses tracebacks."""
    url = spoilt.operator.settings.database_url
    assert await nasty.unspoilt(url, spoilt.columns | set(WORDS)) == []
    found = []
    for line, *places in commands(spoilt):
        for more, wanted in zip(([], ["--json"]), places, strict=True):
            code, out, err = await spoilt.operator.run(*line.split(" "), *more)
            if visible(out + err) != out + err:
                found.append(f"{line} {more}: passes it on")
            if forged(out + err):
                found.append(f"{line} {more}: lets it pass for a line")
            if not out + err or _place(out, err) != wanted:
                found.append(f"{line} {more}: {_place(out, err)}, not {wanted}, exit {code}: {(out + err)[:300]}")
            if more and out:
                json.loads(out)
    assert found == [], "\n".join(found)


def forged(said: str) -> bool:
    """Whether a line that the string brought along passes for one of ours."""
    return any(line.startswith("FALSCH") for line in said.splitlines())


def _place(out: str, err: str) -> str:
    named = {"out": out, "err": err}
    return next((name for name, text in named.items() if any(each in text for each in SHOWN)), "-")


async def test_spreadsheet_gets_no_formula(spoilt: Spoilt) -> None:
    """No cell of a CSV begins as a formula does, or holds a control character; the list of exports has no free text."""
    for line in ("jobs", f"files {spoilt.sent}", f"exports {spoilt.export}", "exports"):
        code, out, err = await spoilt.operator.run(*line.split(), "--csv")
        assert (code, err) == (0, ""), line
        cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
        assert any(cell.startswith("'=1+1") for cell in cells) == (line != "exports"), (line, out)
        assert [cell for cell in cells if FORMULA.match(cell) or visible(cell) != cell] == [], line


async def test_pages_get_no_markup(spoilt: Spoilt) -> None:
    """No tag and no control character of it; each file is its owner's alone."""
    german = "report --language de"
    for line in ("reconcile", "readiness", "rehearse", "adopt --dry-run", "report", german):
        page = spoilt.operator.folder / f"{line}.html"
        await spoilt.operator.run(*line.split(), "--html", str(page))
        html = page.read_bytes().decode()
        assert SHOWN[0] in html and "&lt;b&gt;" in html and "<b>" not in html, line
        assert visible(html) == html, line
        assert page.stat().st_mode & 0o777 == 0o600, line


async def test_console_log_makes_it_visible(stage: Stage, tmp_path: Path) -> None:
    """Text of the billing system in a problem, of a producer in a job, of sevDesk in a refusal."""
    billing, log = stage.billing, tmp_path / "log"
    deal = await billing.deal(await billing.company(email=f"a{NASTY}@example.com"))
    parked = await billing.invoice(deal, invoice_number=f"R-1{NASTY}")
    refused = await billing.usual_invoice()
    body = {"objects": None, "error": {"message": NASTY, "code": NASTY}}
    await order_fault(stage.sevdesk, "status", "POST /Contact", status=422, body=body)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", "run", cwd=tmp_path, stdout=output, stderr=output,
            env=environment(stage.settings, {"LOG_FORMAT": "console", "LOG_LEVEL": "DEBUG"}),
        )  # fmt: skip
        for kind, payload in (("publish_invoice", {"invoice_id": parked}), ("publish_invoice", {"invoice_id": refused}),
                              (NASTY, {}), ("send_invoice", {"invoice_id": parked, NASTY: NASTY}),
                              ("test_connection", {"correlation_id": NASTY})):  # fmt: skip
            await billing.ended(await billing.enqueue(kind, **payload))
        process.terminate()
        assert await process.wait() == 0
    said = log.read_bytes().decode()
    assert visible(said) == said and not forged(said)
    assert said.count("REIZER") > 1


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
        assert visible(text) == text and not forged(text) and any(each in text for each in SHOWN)


@pytest.mark.long
@pytest.mark.parametrize("column", WORDS)
async def test_unknown_word_is_shown_harmless(stage: Stage, lived: dict[str, str], tmp_path: Path, column: str) -> None:
    """A status, kind or reference that nothing knows ends in a sentence at worst."""
    all_columns = await stage.billing.db.fetch(COLUMNS)
    await spoil(stage.billing.db, {f"{table}.{name}" for table, name, _ in all_columns} - {column})
    about = Spoilt(Operator(stage.settings, tmp_path), columns={column}, **lived)
    for line in looks(about):
        for more in ([], ["--json"]):
            _, out, err = await about.operator.run(*line.split(" "), *more)
            assert out + err and visible(out + err) == out + err, line
