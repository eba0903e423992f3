"""Export jobs on their way, refused, failed, and with archives spoilt by switch."""

import asyncio
import io
import zipfile
from typing import Any, get_args

import pytest

from sevdesk_client.sandbox.account.switches import PostingFault, ValueFault
from sevdesk_client.sandbox.documents.archive import BOMB_BYTES
from tests.sandbox.datev_archive import SPAN, Line, fetch, files_of, lines_of, link_of, order, read_lines, unpack
from tests.sandbox.sandbox_client import Json, SandboxClient

STACK = "EXTF_Buchungsstapel.csv"
CREATE = "/Export/createDatevCsvZipExportJob"
LINE_FAULTS = {*get_args(PostingFault), *get_args(ValueFault)}


async def progress(sandbox: SandboxClient, job: str) -> Json:
    """What getProgress answers."""
    found = await sandbox.objects("GET", "/Progress/generateDownloadHash", params={"jobId": job})
    return await sandbox.objects("GET", "/Progress/getProgress", params={"hash": found})


async def info(sandbox: SandboxClient, job: str, status: int = 200) -> Json:
    """What jobDownloadInfo answers, whole."""
    return await sandbox.call("GET", "/ExportJob/jobDownloadInfo", status, params={"jobId": job})


async def test_jobs_advance_with_polls(sandbox: SandboxClient) -> None:
    """Each question counts, whichever it is; then there is a link, and it is another each time."""
    await sandbox.switch(datev_polls=3)
    job = await order(sandbox)
    assert await progress(sandbox, job) == [{"current": 33, "total": 100}]
    assert (await info(sandbox, job))["objects"] == []
    assert await progress(sandbox, job) == [{"current": 100, "total": 100}]
    first, second = [(await info(sandbox, job))["objects"][0] for _ in range(2)]
    assert sorted(first) == ["filename", "link", "linkExpireDate"] and first["link"] != second["link"]
    assert first["link"].startswith(f"{sandbox.running.url}/storage/1000001/{job}/zip/BITTE-ENTPACKEN_")


async def test_jobs_advance_with_time(sandbox: SandboxClient) -> None:
    """Or by the clock, so that a test may count on being in between."""
    await sandbox.switch(datev_polls=0, datev_seconds=1.5)
    job = await order(sandbox)
    [shown] = await progress(sandbox, job)
    assert shown["current"] < 100 and (await info(sandbox, job))["objects"] == []
    while not (ready := (await info(sandbox, job))["objects"]):  # noqa: ASYNC110 - time passes
        await asyncio.sleep(0.05)
    assert ready[0]["link"]


async def test_held_jobs_wait(sandbox: SandboxClient) -> None:
    """As long as the switch says, and not a poll longer."""
    await sandbox.switch(datev_job="hold")
    job = await order(sandbox)
    for _ in range(5):
        assert (await info(sandbox, job))["objects"] == []
    [shown] = (await sandbox.control("GET", "/state?only=exports"))["exports"]
    assert (shown["status"], shown["progress"], shown["polls"]) == ("running", 90, 5)
    await sandbox.switch(datev_job="run")
    assert (await info(sandbox, job))["objects"][0]["link"]


@pytest.mark.parametrize(("choice", "status"), [("fail", 400), ("crash", 500)])
async def test_jobs_can_fail(sandbox: SandboxClient, choice: str, status: int) -> None:
    """Every question about them is refused, and the control endpoints show it."""
    job = await order(sandbox)
    await sandbox.switch(datev_job=choice)
    assert (await info(sandbox, job, status))["error"]["message"]
    [shown] = (await sandbox.control("GET", "/state?only=exports"))["exports"]
    assert shown["status"] == "failed"


@pytest.mark.parametrize(("choice", "expected"), [("empty", []), ("null", None)])
async def test_unfinished_jobs_have_forms(sandbox: SandboxClient, choice: str, expected: Json) -> None:
    """Nothing is known of the real one, so there are several; progress comes bare or in a list."""
    await sandbox.switch(datev_not_ready=choice, datev_form="object", datev_polls=9)
    job = await order(sandbox)
    assert (await info(sandbox, job))["objects"] == expected
    assert await progress(sandbox, job) == {"current": 22, "total": 100}
    await sandbox.switch(datev_not_ready="not_found")
    assert (await info(sandbox, job, 404))["error"]["code"] == 151


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"startDate": "2026-09-01"},
        {"endDate": ""},
        {"scope": ""},
        {"scope": "EA"},
        {"startDate": SPAN["endDate"] + 1},
    ],
)
async def test_wrong_orders_start_nothing(sandbox: SandboxClient, query: dict[str, Any]) -> None:
    """400 for missing and senseless parameters, and nothing is enshrined."""
    await sandbox.switch(send_by_enshrines=False)
    ident = await sandbox.open_id()
    whole = {**SPAN, "scope": "E", "enshrineDocuments": "true", **query} if query else {}
    await sandbox.error("GET", CREATE, 400, params=whole)
    assert (await sandbox.control("GET", "/state?only=exports"))["exports"] == []
    assert (await sandbox.invoice(ident))["enshrined"] is None


async def test_exports_need_a_year(sandbox: SandboxClient) -> None:
    """Without accountingYearBegin nothing starts; the UI can set it, the API may not."""
    await sandbox.control("PUT", "/export_config", json={"accounting_year_begin": None})
    query = {**SPAN, "scope": "E"}
    assert "accountingYearBegin" in (await sandbox.error("GET", CREATE, 400, params=query))["message"]
    config = {"accountantNumber": 29098, "accountantClientNumber": 55003, "accountingYearBegin": 1767222000}
    path = "/SevClient/1000001/updateExportConfig"
    assert (await sandbox.error("PUT", path, 403, json=config))["message"] == "Access denied"
    await sandbox.switch(export_config_access="allow")
    await sandbox.error("PUT", path, 400, json={**config, "accountingYearBegin": "soon"})
    await sandbox.error("PUT", "/SevClient/7/updateExportConfig", 404, json=config)
    assert await sandbox.objects("PUT", path, json=config) is None
    files = await files_of(sandbox, await order(sandbox))
    assert read_lines(files[STACK])[0][10:13] == ["29098", "55003", "20260101"]


async def test_conflicts_are_switched(sandbox: SandboxClient) -> None:
    """Never, while another runs, or always."""
    await order(sandbox)
    await order(sandbox)
    await sandbox.switch(datev_conflict="running")
    query = {**SPAN, "scope": "E"}
    assert (await sandbox.error("GET", CREATE, 409, params=query))["message"] == "Conflict"
    await sandbox.switch(datev_polls=0)
    await order(sandbox)
    await sandbox.switch(datev_conflict="always")
    await sandbox.error("GET", CREATE, 409, params=query)
    assert len((await sandbox.control("GET", "/state?only=exports"))["exports"]) == 3


async def spoilt(sandbox: SandboxClient, *faults: str) -> tuple[list[Line], list[Line]]:
    """Two invoices' postings, sound and spoilt, from one and the same job."""
    await sandbox.open_id()
    await sandbox.open_id()
    sound = await lines_of(sandbox)
    await sandbox.switch(datev_faults=list(faults))
    return sound, await lines_of(sandbox)


@pytest.mark.parametrize("fault", sorted(LINE_FAULTS))
async def test_faults_spoil_one_posting(sandbox: SandboxClient, fault: str) -> None:
    """The first is gone, doubled or wrong in one way, or a stray joins; the others are sound."""
    (first, second), after = await spoilt(sandbox, fault)
    expected = {
        "posting_missing": [second],
        "posting_doubled": [first, first, second],
    }
    if fault in expected:
        assert after == expected[fault]
    elif fault == "posting_unknown":
        assert after[:2] == [first, second] and after[2].number == "FREMD-1"
    else:
        changed = [
            column for column, pair in enumerate(zip(first.row, after[0].row, strict=True), 1) if len({*pair}) > 1
        ]
        column = {"wrong_amount": 1, "wrong_side": 2, "wrong_account": 8, "wrong_date": 10, "wrong_number": 11}[fault]
        assert changed == [column] and after[1:] == [second]


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [("wrong_chart", 26, "04"), ("wrong_version", 1, "510"), ("wrong_period", 14, "20250728")],
)
async def test_faults_spoil_the_header(sandbox: SandboxClient, fault: str, field: int, value: str) -> None:
    """One field lies, the postings are sound."""
    await sandbox.open_id()
    job = await order(sandbox)
    sound = read_lines((await files_of(sandbox, job))[STACK])
    await sandbox.switch(datev_faults=[fault])
    head, _, lines = read_lines((await files_of(sandbox, job))[STACK])
    assert (sound[0][field] != value, head[field], lines) == (True, value, sound[2])


async def test_faults_spoil_the_file(sandbox: SandboxClient) -> None:
    """UTF-8 in place of cp1252; an end in the middle of a line; no file at all."""
    await sandbox.open_id(addressName="Käß GmbH")
    job = await order(sandbox)
    sound = (await files_of(sandbox, job))[STACK]
    for fault, expected in (
        ("wrong_encoding", sound.decode("cp1252").encode("utf-8-sig")),
        ("no_stack", None),
    ):
        await sandbox.switch(datev_faults=[fault])
        assert (await files_of(sandbox, job)).get(STACK) == expected
    await sandbox.switch(datev_faults=["cut_csv"])
    cut = (await files_of(sandbox, job))[STACK]
    assert sound.startswith(cut) and len(cut) < len(sound) and not cut.endswith(b"\n")


async def test_faults_spoil_the_archive(sandbox: SandboxClient) -> None:
    """Names that lead elsewhere, files nobody expects, half an archive, none."""
    job = await order(sandbox)
    await sandbox.switch(datev_faults=["extra_file", "evil_name"])
    assert {"liesmich.txt", "../../evil.csv", STACK} <= (await files_of(sandbox, job)).keys()
    for fault in ("truncated", "not_a_zip"):
        await sandbox.switch(datev_faults=[fault])
        broken = await fetch(await link_of(sandbox, job))
        with pytest.raises(zipfile.BadZipFile):
            unpack(broken.content)
    await sandbox.switch(datev_faults=[])
    assert STACK in await files_of(sandbox, job)


async def test_bombs_are_small_outside(sandbox: SandboxClient) -> None:
    """A thousand times larger inside than out."""
    await sandbox.switch(datev_faults=["bomb"])
    content = (await fetch(await link_of(sandbox, await order(sandbox)))).content
    assert len(content) < BOMB_BYTES // 500
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert max(each.file_size for each in archive.infolist()) == BOMB_BYTES


async def test_unknown_faults_are_refused(sandbox: SandboxClient) -> None:
    """A misspelt order would otherwise make a test pass for nothing."""
    await sandbox.control("PUT", "/switches", 400, json={"datev_faults": ["posting_mising"]})
    await sandbox.control("PUT", "/switches", 400, json={"datev_faults": [7]})
    shown = await sandbox.control("PUT", "/switches", json={"datev_seconds": 1})
    assert (shown["datev_faults"], shown["datev_seconds"]) == ([], 1)


async def test_seeded_exports_are_quick(sandbox: SandboxClient) -> None:
    """10,000 invoices end up in one file, each once."""
    made = await sandbox.control("POST", "/seed", json={"invoices": 10_000, "status": 1000})
    files = await files_of(sandbox, await order(sandbox, endDate=4000000000, startDate=1700000000))
    lines = [each for name in files if "Buchungsstapel" in name for each in read_lines(files[name])[2]]
    assert len({each.number for each in lines}) == len(lines) == made["created"]
