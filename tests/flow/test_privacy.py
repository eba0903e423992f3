"""Nothing of people and no secret leaves the rows it belongs to: every channel of a full run is searched for them."""

import asyncio
import json
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import control, pay
from flow.operators import Operator
from flow.processes import Process, environment, worker_process
from flow.test_metrics import free_port
from pydantic import SecretStr

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings
from worker.store.sql_files import sql_dir

MARK = "zq7"
IBAN = "DE89370400440532013000"
PASSWORD = f"{MARK}-password"
PERSONAL = {
    "name": f"Firma {MARK}name GmbH",
    "email": f"{MARK}@{MARK}.example",
    "street": f"{MARK}strasse 5",
    "city": f"{MARK}hausen",
}
TEXTS = {"head_text": f"Sehr geehrte {MARK}kopf, {IBAN}", "foot_text": f"{MARK}fuss"}
MAIL = {
    "subject": f"{MARK}betreff",
    "text": f"Guten Tag {MARK}text, IBAN {IBAN}",
    "cc": f"{MARK}chef@{MARK}.example,{MARK}buch@{MARK}.example",
    "bcc": f"{MARK}archiv@{MARK}.example",
}


@pytest.fixture
async def urls(billing: Billing, database_url: str, redis_url: str) -> AsyncIterator[dict[str, str]]:
    """Both servers under accounts whose passwords are marked."""
    await billing.db.execute((sql_dir() / "roles.sql").read_text())
    await billing.db.execute(f"ALTER ROLE sevdesk_worker LOGIN PASSWORD '{PASSWORD}'")
    await billing.redis.execute_command("ACL", "SETUSER", MARK, "on", f">{PASSWORD}", "~*", "&*", "+@all")  # type: ignore[no-untyped-call]
    account = {"database_url": "sevdesk_worker", "redis_url": MARK}
    given = {"database_url": database_url, "redis_url": redis_url}
    places = {name: urlsplit(url).netloc.rpartition("@")[2] for name, url in given.items()}
    yield {
        name: urlsplit(url)._replace(netloc=f"{account[name]}:{PASSWORD}@{places[name]}").geturl()
        for name, url in given.items()
    }
    await billing.redis.execute_command("ACL", "DELUSER", MARK)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def notifications(billing: Billing, settings: Settings) -> AsyncIterator[list[str]]:
    """Collects every NOTIFY payload."""
    payloads: list[str] = []
    connection = await asyncpg.connect(settings.database_url)
    for channel in ("sevdesk_events", "sevdesk_requests"):
        await connection.add_listener(channel, lambda *args: payloads.append(str(args[-1])))
    yield payloads
    await connection.close()


@asynccontextmanager
async def redis_commands(billing: Billing) -> AsyncIterator[list[str]]:
    """Collects every command that reaches Redis."""
    commands: list[str] = []

    async def watch() -> None:
        async with billing.redis.monitor() as monitor:
            async for command in monitor.listen():
                commands.append(str(command["command"]))

    task = asyncio.create_task(watch())
    while not commands:
        await billing.redis.ping()
        await asyncio.sleep(0.01)
    yield commands
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def written_rows(billing: Billing) -> dict[str, str]:
    """What the worker wrote where others read: ledger (without the caller's payload), intents, event log, results."""
    statements = {
        "jobs": "SELECT to_jsonb(j) - 'payload' FROM sevdesk_jobs j",
        "intents": "SELECT to_jsonb(i) FROM sevdesk_intents i",
        "events": "SELECT payload FROM billing_invoice_event_log",
        "config": "SELECT to_jsonb(c) FROM sevdesk_config c",
        "config log": "SELECT to_jsonb(c) FROM sevdesk_config_log c",
        "runs": "SELECT to_jsonb(r) FROM sevdesk_sync_runs r",
        "exports": "SELECT to_jsonb(e) - 'archive' - 'report_archive' FROM sevdesk_datev_exports e",
    }
    found = {}
    for name, statement in statements.items():
        rows = await billing.db.fetch(statement)
        found[name] = "\n".join(str(row[0]) for row in rows)
    return found


def secrets_of(sevdesk: Running) -> tuple[str, ...]:
    return (MARK, IBAN, sevdesk.token)


def leaks(channels: Mapping[str, str], sevdesk: Running) -> list[str]:
    """Channel and surroundings of everything that must not be there."""
    return [
        f"{name}: ...{text[max(0, place - 200) : place + 60]}..."
        for name, text in channels.items()
        for secret in secrets_of(sevdesk)
        if (place := text.casefold().find(secret.casefold())) >= 0
    ]


async def marked_invoice(billing: Billing, **columns: Any) -> UUID:
    company = await billing.company(**PERSONAL)
    invoice = await billing.invoice(await billing.deal(company), **{**TEXTS, **columns})
    await billing.db.execute(
        "UPDATE billing_invoice_items SET name = $2, description = $2 WHERE invoice_id = $1", invoice, f"{MARK}leistung"
    )
    return invoice


async def refuse_with_echo(sevdesk: Running, call: str, status: int = 422) -> None:
    """sevDesk refuses the call once, and repeats what it was sent."""
    text = f"Contact {PERSONAL['name']}, {PERSONAL['street']}, {PERSONAL['email']} {IBAN}: {sevdesk.token} is not right"
    body = {"objects": None, "error": {"message": text, "exceptionUUID": "x", "code": 422, "data": [PERSONAL]}}
    method, path = call.split(" ")
    fault = {"kind": "status", "method": method, "path": path, "status": status, "body": body, "times": 1}
    await control(sevdesk, "POST", "faults", fault)


async def good_run(billing: Billing, sevdesk: Running) -> None:
    """Published, mailed, paid, cancelled, configured."""
    invoice, other = await marked_invoice(billing), await marked_invoice(billing)
    for kind, payload in (
        ("test_connection", {}),
        ("publish_invoice", {"invoice_id": invoice}),
        ("send_invoice", {"invoice_id": invoice, **MAIL}),
        ("publish_invoice", {"invoice_id": other}),
        ("cancel_invoice", {"invoice_id": other, "reason": "Doppelt", "notify": True}),
    ):
        job = await billing.do(kind, **payload)
        assert job["state"] == "done", (kind, job["error"])
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "19.00")
    assert (await billing.do("sync_payments"))["state"] == "done"
    today = str(time_to_day())
    assert (await billing.do("export_datev", start_date=today, end_date=today))["state"] == "done"
    # Changed at home, so written again in sevDesk.
    await billing.db.execute(
        "UPDATE companies SET name = name || ' & Co', street = street || 'a', email = 'n' || email"
    )
    assert (await billing.do("publish_invoice", invoice_id=await marked_invoice(billing)))["state"] == "done"


async def refused_run(billing: Billing, sevdesk: Running) -> None:
    """What sevDesk refuses, what sums do not allow, what nobody may ask for."""
    wrong = await marked_invoice(billing, gross_amount="120.00")
    assert (await billing.do("publish_invoice", invoice_id=wrong))["state"] == "parked"
    for call in ("POST /Contact", "POST /ContactAddress", "POST /Invoice/Factory/saveInvoice", "PUT /Invoice/*/sendBy"):
        await refuse_with_echo(sevdesk, call)
        job = await billing.do("publish_invoice", invoice_id=await marked_invoice(billing))
        assert job["state"] == "parked" and "is not right" in parameters(job)["answer"], (call, job["error"])
    for column, value, code in (
        ("vat_id", f"ATU{MARK}", "vat_id_invalid"),
        ("email", f"{MARK}@", "recipient_email_invalid"),
    ):
        suspect = await marked_invoice(billing, tax_rule=3)
        await billing.db.execute(f"UPDATE companies SET {column} = $1", value)  # noqa: S608 - names are ours
        assert (await billing.do("publish_invoice", invoice_id=suspect))["problem"] == code
    person = await billing.person(first_name=f"{MARK}vor", last_name=f"{MARK}nach", email=PERSONAL["email"])
    for payload in (
        {"invoice_id": f"{MARK}id"},
        {"invoice_id": wrong, "subject": ["zq7"], "text": {"a": MARK}, "resend": MARK},
        {"invoice_id": wrong, "email": PERSONAL["email"], f"{MARK} Straße 5": MARK},
        {"invoice_id": wrong, "text": MARK * 20_000},
        {"invoice_id": wrong, "to": f"{MARK} <{PERSONAL['email']}>", "cc": f"a@example.com,{MARK}@{MARK}"},
    ):
        assert (await billing.do("send_invoice", **payload))["state"] == "rejected"
    assert (await billing.do("publish_invoice", by=person, invoice_id=wrong))["state"] == "rejected"


async def poison(billing: Billing) -> None:
    """Entries nobody can read, full of what nobody may read."""
    good = {"t": None, "f": "publish_invoice", "a": [], "k": {"text": MARK}, "et": 1}
    entries = [
        f'{{"text": "{MARK}"'.encode(),
        b"\x80\x04\x95pickle " + MARK.encode(),
        json.dumps(good | {"f": f"{MARK} mit Leerzeichen"}).encode(),
        json.dumps(good | {"k": {"requested_by": PERSONAL["email"]}}).encode(),
        json.dumps(good | {"k": {"correlation_id": [MARK]}}).encode(),
        json.dumps(good | {"a": [MARK]}).encode(),
        json.dumps(good | {MARK: MARK}).encode(),
        json.dumps([MARK]).encode(),
    ]
    ids = [str(uuid4()) for _ in entries]
    for job_id, entry in zip(ids, entries, strict=True):
        await billing.enqueue_raw(job_id, entry, 1)
    await billing.enqueue_raw(b"\xff" + MARK.encode(), b"x", 1)
    for job_id in ids:
        assert (await billing.ended(job_id))["state"] == "rejected"


async def outbox_run(billing: Billing) -> None:
    """Asked for in Postgres alone, so that every word in Redis is the worker's."""
    invoice = await marked_invoice(billing)
    for kind, payload in (
        ("publish_invoice", {}),
        ("send_invoice", MAIL),
        ("send_invoice", {**MAIL, "resend": True}),
    ):
        job = await billing.ended(await billing.request(kind, invoice_id=invoice, **payload))
        assert job["state"] == "done", job["error"]


async def scraped(port: int) -> str:
    def get() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(get)


async def test_nothing_personal_leaves_its_rows(
    billing: Billing, settings: Settings, urls: dict[str, str], sevdesk: Running, tmp_path: Path
) -> None:
    """Logs at DEBUG, notifications, metrics, ledger, intents, event log, Redis: not a marker anywhere."""
    port = free_port()
    given = settings.model_copy(update=urls)
    more = {"LOG_LEVEL": "DEBUG", "METRICS_PORT": port, "METRICS_HOST": "127.0.0.1"}
    async with notifications(billing, settings) as said, worker_process(given, tmp_path, **more) as process:
        await good_run(billing, sevdesk)
        await refused_run(billing, sevdesk)
        await poison(billing)
        async with redis_commands(billing) as commands:
            await outbox_run(billing)
        channels = {"metrics": await scraped(port), "notifications": "\n".join(said), "redis": "\n".join(commands)}
        channels |= {"left in redis": str([await billing.redis.dump(key) for key in await billing.redis.keys()])}
        await process.terminate()
    channels |= {"log": process.path.read_text(), **await written_rows(billing)}
    assert not (found := leaks(channels, sevdesk)), "\n\n".join(found)
    # All of it happened, and all of it was looked at.
    assert process.said("job.rejected") and process.said("job.parked") and process.said("sevdesk.call")
    assert all(len(text) > 100 for name, text in channels.items() if "redis" not in name), channels
    mails = (await control(sevdesk, "GET", "state"))["mails"]
    assert MARK in json.dumps(mails) and len(mails) == 4


async def test_search_finds_what_is_there(sevdesk: Running) -> None:
    """The search itself: in any case, and the token too."""
    assert leaks({"log": f"... {MARK.upper()}name ..."}, sevdesk)
    assert leaks({"log": sevdesk.token}, sevdesk)
    assert not leaks({"log": "nothing"}, sevdesk)


async def test_servers_away_tell_no_password(
    billing: Billing, settings: Settings, sevdesk: Running, tmp_path: Path
) -> None:
    """Neither address nor account nor password when Redis does not answer, or Postgres stays away."""
    closed = free_port()
    away = {
        "redis.lost": {"redis_url": f"redis://{MARK}:{PASSWORD}@127.0.0.1:{closed}/0"},
        "postgres.unreachable": {"database_url": f"postgresql://{MARK}:{PASSWORD}@127.0.0.1:{closed}/x"},
    }
    for event, changed in away.items():
        async with started(settings.model_copy(update=changed), tmp_path) as process:
            await process.until(event)
            await process.terminate()
            assert leaks({event: process.path.read_text()}, sevdesk) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"redis_url": f"redis://:a/{MARK}@127.0.0.1/0"},
        {"redis_url": f"redis://:{MARK}#b@127.0.0.1/0"},
        {"database_url": f"postgresql://u:{MARK}/b@127.0.0.1/x"},
        {"database_url": f"mysql://u:{MARK}@127.0.0.1/x"},
        {"database_lock_url": f"postgresql://u:{MARK}#@127.0.0.1/x"},
        {"sevdesk_api_token": SecretStr(f"{MARK} mit Leerzeichen")},
    ],
)
async def test_unusable_settings_are_not_repeated(
    settings: Settings, sevdesk: Running, tmp_path: Path, changed: dict[str, Any]
) -> None:
    """A password that breaks its URL is a common mistake; the worker names the setting and shows no part of it."""
    operator = Operator(settings.model_copy(update=changed), tmp_path)
    lock_url = operator.settings.database_lock_url or ""
    code, said, problem = await operator.run("run", LOG_LEVEL="DEBUG", DATABASE_LOCK_URL=lock_url)
    said += problem
    assert code == 2
    assert f"Setting {next(iter(changed)).upper()}: " in said
    assert leaks({"output": said}, sevdesk) == []


@asynccontextmanager
async def started(settings: Settings, folder: Path) -> AsyncIterator[Process]:
    """A worker that need not come up."""
    log = folder / "log"
    more = {"LOG_LEVEL": "DEBUG", "DATABASE_LOCK_URL": settings.database_lock_url or ""}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", "run",
            cwd=folder, env=environment(settings, more), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield Process(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
