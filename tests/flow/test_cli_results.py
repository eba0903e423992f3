"""jobs JOB, files, exports, tail, --wait: what jobs left behind is there to see and to take."""

import asyncio
import csv
import hashlib
import io
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import date
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing
from flow.books import control, pay
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.processes import environment
from flow.waiting import PATIENCE

from sevdesk_client.sandbox.http.server import Running
from worker.datev.package import pack, parts
from worker.domain.check_levels import Level
from worker.settings import Settings
from worker.store import Store
from worker.store.exports import finish_export

ARCHIVE = b"PK archive"
FINDING = {
    "kind": "amount", "text": "=Betrag", "text_en": "=sum", "file": None, "line": 2, "number": "RE-1", "note": False,
}  # fmt: skip
REPORT = {
    "status": "accepted_with_findings",
    "counts": {"amount": 1},
    "postings": 3,
    "findings": [FINDING],
    "notes": [],
}


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A worker's access to the database."""
    made = await Store.connect(database_url, size=1)
    yield made
    await made.close()


async def test_one_job_is_shown_whole(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """Payload, result, attempts, writes and events, by its id or the beginning of it; its PDF can be taken away."""
    invoice = await billing.usual_invoice()
    async with run_worker():
        job = await billing.do("publish_invoice", invoice_id=invoice)
    number, prefix = (await billing.row(invoice))["invoice_number"], job["job_id"][:8]
    found = await operator.json("jobs", prefix)
    assert await operator.json("jobs", prefix.upper()) == await operator.json("jobs", job["job_id"].upper()) == found
    assert found["job_id"] == job["job_id"] and found["payload"]["invoice_id"] == str(invoice)
    assert found["result"]["accounting_sync_status"] == "synced" and found["attempt"] == 1
    told = [(entry["source"], entry["what"]) for entry in found["history"]]
    assert ("write", "save_invoice") in told and ("event", "finalized") in told
    code, said, _ = await operator.run("jobs", job["job_id"])
    assert code == 0 and "finalized" in said and "external_invoice_number" in said
    assert (await operator.json("show", str(invoice)[:8]))["invoice"]["invoice_number"] == number
    await files_are_saved(operator, number)
    stored = await billing.db.execute("UPDATE sevdesk_documents SET content = 'other'")
    assert stored == "UPDATE 1"
    code, said, problem = await operator.run("files", number, "--save", "other")
    assert (code, said) == (1, "") and "so nothing was saved" in problem
    assert list((operator.folder / "other").iterdir()) == []


async def files_are_saved(operator: Operator, number: str) -> None:
    """Once, with mode 0600; a second time is refused."""
    [file] = await operator.json("files", number, "--save", "out")
    path = operator.folder / file["saved_as"]
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"] and content.startswith(b"%PDF")
    assert path.stat().st_mode & 0o777 == 0o600
    code, _, problem = await operator.run("files", number, "--save", "out")
    assert code == 1 and "is there already" in problem and path.read_bytes() == content
    for folder in (file["saved_as"], f"{file['saved_as']}/below"):
        code, _, problem = await operator.run("files", number, "--save", folder)
        assert (code, problem) == (1, f"Cannot write into {folder}: it is no folder.\n")


async def test_ambiguous_beginnings_name_candidates(operator: Operator, billing: Billing) -> None:
    """Two jobs that begin alike: exit 1 with both; fewer than eight digits are no beginning."""
    pair = [f"{'ab' * 4}-0000-4000-8000-00000000000{last}" for last in (1, 2)]
    for key in pair:
        await billing.request("sync_payments", key=key)
    code, said, problem = await operator.run("jobs", "abababab")
    assert (code, said) == (1, "") and all(key in problem for key in pair)
    assert (await operator.json("jobs", pair[0][:-1] + "1"))["job_id"] == pair[0]
    assert "No job has the id 'ababab'" in (await operator.run("jobs", "ababab"))[2]


async def test_jobs_are_filtered_by_who_asked(operator: Operator, billing: Billing) -> None:
    """By invoice, person, correlation id and time; as CSV; one job and a filter together are refused."""
    invoice = await billing.usual_invoice()
    first = await billing.request("publish_invoice", invoice_id=invoice)
    second = await billing.request("sync_payments", by=billing.admin)
    await billing.db.execute("UPDATE sevdesk_jobs SET correlation_id = '=x' WHERE job_id = $1", second)
    number = (await billing.row(invoice))["invoice_number"]

    async def listed(*filters: str) -> list[str]:
        return [row["job_id"] for row in await operator.json("jobs", *filters)]

    assert await listed("--invoice", number) == [first]
    assert await listed("--correlation", "=x") == [second]
    assert second in await listed("--by", str(billing.admin)) and await listed("--by", str(uuid4())) == []
    assert await listed("--since", "2999-01-01") == [] and len(await listed("--until", "2999-01-01")) == 2
    _, said, _ = await operator.run("jobs", "--csv")
    rows = {row["job_id"]: row for row in csv.DictReader(io.StringIO(said))}
    assert rows[second]["correlation_id"] == "'=x" and rows[first]["invoice_number"] == number
    for wrong in ((first, "--kind", "sync_payments"), ("--by", "chef"), (first, "--csv")):
        assert (await operator.run("jobs", *wrong))[0] == 2


async def finished_export(billing: Billing, store: Store) -> UUID:
    """An export with an archive, a package and one finding."""
    export_id: UUID = await billing.db.fetchval(
        "INSERT INTO sevdesk_datev_exports (start_date, end_date) "
        "VALUES ('2026-10-01', '2026-10-31') RETURNING export_id"
    )
    package = BytesIO()
    places = pack(BytesIO(ARCHIVE), "report", package)
    assert await finish_export(
        store, export_id, parts(package, *places), archive_sha256=hashlib.sha256(ARCHIVE).hexdigest(),
        package_sha256=hashlib.sha256(package.getvalue()).hexdigest(), package_bytes=len(package.getvalue()),
        archive_bytes=len(ARCHIVE), status="accepted_with_findings", filename="a.zip", report=REPORT,
    )  # fmt: skip
    return export_id


async def test_exports_are_listed_and_saved(operator: Operator, billing: Billing, store: Store) -> None:
    """Status and findings; sevDesk's archive byte by byte, the package and the report, all or none."""
    assert "No export has been asked for" in (await operator.run("exports"))[1]
    export_id = await finished_export(billing, store)
    [row] = await operator.json("exports")
    assert (row["export_id"], row["findings"]) == (str(export_id), {"amount": 1})
    code, said, _ = await operator.run("exports", str(export_id)[:8])
    assert code == 0 and "=sum" in said and "=Betrag" not in said and "1 amount" in said
    assert "'=Betrag,'=sum" in (await operator.run("exports", str(export_id), "--csv"))[1]
    saved = (await operator.json("exports", str(export_id), "--save", "out"))["saved_as"]
    archive, package, report = (operator.folder / path for path in saved)
    assert archive.read_bytes() == ARCHIVE and ARCHIVE in package.read_bytes()
    assert json.loads(report.read_text()) == REPORT
    package.unlink()
    assert (await operator.run("exports", str(export_id), "--save", "out"))[0] == 1 and not package.exists()
    await billing.db.execute("UPDATE sevdesk_datev_parts SET content = 'x' WHERE part = 1")
    code, _, problem = await operator.run("exports", str(export_id), "--save", "new")
    assert code == 1 and "so nothing was saved" in problem and list((operator.folder / "new").iterdir()) == []
    assert (await operator.run("exports", "--save", "out"))[0] == 2
    assert "No export has the id" in (await operator.run("exports", str(uuid4())))[2]


async def test_wait_follows_to_the_end(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """Done is 0 with the result, parked 3 with its reason, also after a retry; a connection's checks are shown."""
    good, bad = await billing.usual_invoice(), await billing.usual_invoice(gross_amount="1.00")
    async with run_worker():
        ended = await operator.json("enqueue", "publish_invoice", f"invoice_id={good}", "--wait")
        assert ended["state"] == "done" and ended["result"]["accounting_sync_status"] == "synced"
        code, said, _ = await operator.run("enqueue", "publish_invoice", f"invoice_id={bad}", "--wait")
        assert code == 3 and "is parked" in said and "  next  " in said
        number = (await billing.row(bad))["invoice_number"]
        again = await operator.json("retry", number, "--wait", code=3)
        assert [job["problem"] for job in again["jobs"]] == ["sums_differ"]
        code, said, _ = await operator.run("test-connection", "--wait")
        assert code in (0, 1) and "ok " in said
        rejected = await operator.json("enqueue", "sync_payments", f"requested_by={uuid4()}", "--wait", code=1)
        assert rejected["state"] == "rejected"


async def test_tail_tells_as_it_happens(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """The event log of an invoice first, then each notification, until Ctrl-C; another invoice's are left out."""
    invoice, other = await billing.usual_invoice(), await billing.usual_invoice()
    async with run_worker():
        await billing.do("publish_invoice", invoice_id=invoice)
        number = (await billing.row(invoice))["invoice_number"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", "tail", "--invoice", number, "--last", "1", "--json",
            cwd=operator.folder, env=environment(operator.settings, {}), stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            first = json.loads(await process.stdout.readline())  # it listens already when it tells of the past
            assert first["events"] == (await billing.events(invoice))[-1:]
            await billing.do("publish_invoice", invoice_id=other)
            job = await billing.do("send_invoice", invoice_id=invoice)
            told = []
            while not told or told[-1]["outcome"] != "done":
                told.append(json.loads(await process.stdout.readline()))
            process.send_signal(signal.SIGINT)
            _, problem = await process.communicate()
    assert (process.returncode, problem) == (0, b"")
    assert {each["job_id"] for each in told} == {job["job_id"]}
    assert {each["invoice_number"] for each in told} == {number}
    assert "mailed" in [event for each in told for event in each.get("events", ())]


async def test_version_and_short_help(operator: Operator) -> None:
    """--version names the program; -h is --help, with what to look at before what to do."""
    assert (await operator.run("--version"))[1].startswith("sevdesk-worker ")
    _, said, _ = await operator.run("-h")
    assert said.index("Look") < said.index("status") < said.index("Act") < said.index("dismiss")
    assert (await operator.run("jobs", "-h"))[1] == (await operator.run("jobs", "--help"))[1]


async def test_completion_knows_commands_and_values(operator: Operator) -> None:
    """What the shell is offered for a command and for an option's value."""
    asking: dict[str, object] = {"_SEVDESK_WORKER_COMPLETE": "complete_bash"}
    _, said, _ = await operator.run(**asking, COMP_WORDS="sevdesk-worker expo", COMP_CWORD="1")
    assert said.split() == ["exports"]
    _, said, _ = await operator.run(**asking, COMP_WORDS="sevdesk-worker jobs --kind sync", COMP_CWORD="3")
    assert said.split() == ["sync_payments"]


async def test_wait_tells_what_a_person_must_look_at(
    operator: Operator, billing: Billing, run_worker: RunWorker, sevdesk: Running
) -> None:
    """A job that is done may have found something: then 3, as `why` says of it; acknowledged, it is over."""
    late = await billing.usual_invoice(issue_date=date(2026, 10, 15))
    october = ("start_date=2026-10-01", "end_date=2026-10-31")
    async with run_worker(check_levels={"issue_date_too_old": Level.WARN}, issue_date_max_age=1):
        published = await operator.json("enqueue", "publish_invoice", f"invoice_id={late}", "--wait", code=3)
        assert published["state"] == "done" and "days back" in published["to_look_at"][0]["cause"]
        assert (await operator.run("why", published["job_id"]))[0] == 3
        assert (await operator.run("acknowledge", str(late), "--reason", "meant so"))[0] == 0
        assert (await operator.json("enqueue", "publish_invoice", f"invoice_id={late}", "--wait"))["to_look_at"] == []
        assert (await operator.json("enqueue", "export_datev", *october, "--wait"))["to_look_at"] == []
        await control(sevdesk, "PUT", "switches", {"datev_faults": ["wrong_amount"]})
        code, said, _ = await operator.run("enqueue", "export_datev", *october, "--wait")
        assert code == 3 and "is done." in said and "  why   The export is accepted_with_findings" in said
        [export, _] = await operator.json("exports")
        assert f"sevdesk-worker exports {export['export_id'][:8]} lists them." in said
        code, said, _ = await operator.run("why", export["job_id"])
        assert code == 3 and "Everything that was asked is done. The export is" in said
        assert (await operator.run("acknowledge", export["export_id"], "--reason", "read"))[0] == 0
        assert (await operator.run("why", export["job_id"]))[0] == 0
        invoice = await billing.usual_invoice()
        await billing.do("publish_invoice", invoice_id=invoice)
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "120")
        code, said, _ = await operator.run("enqueue", "sync_payments", "--wait")
        assert code == 3 and "1 overpaid" in said and "sevdesk-worker status lists it." in said
        tested = (await operator.json("enqueue", "test_connection", "--wait"))["job_id"]
        # What others notice while such a job runs is not its doing.
        await billing.db.execute(
            "UPDATE sevdesk_notices SET opened_at = started_at FROM sevdesk_jobs WHERE job_id = $1", tested
        )
        assert (await operator.run("why", tested))[0] == 0
