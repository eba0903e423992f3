"""The DATEV export as the client sees it, against the sandbox in every form its answers may have."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from sevdesk_client import errors
from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import DownloadInfo, Progress
from sevdesk_client.sending import Call
from sevdesk_client.wire import Answer, Request, read_file
from tests.sandbox.sandbox_client import NO_TLS, TOKEN, SandboxClient

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
LINK = "https://storage.example.com/1/zip/a.zip?X-Amz-Signature=5ec7e7"


@pytest.fixture
async def calls() -> list[Call]:
    """Every attempt."""
    return []


@pytest.fixture
async def client(sandbox: SandboxClient, calls: list[Call]) -> AsyncIterator[SevDeskClient]:
    """A client of the sandbox."""
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        yield SevDeskClient(http, TOKEN, base_url=sandbox.running.base_url, max_wait=0, observe=calls.append)


@pytest.fixture
async def alone() -> AsyncIterator[SevDeskClient]:
    """A client whose network is a mock."""
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        yield SevDeskClient(http, TOKEN, max_wait=0)


async def start(client: SevDeskClient, scope: str = "EXTCD") -> str:
    """A job over October."""
    return await client.create_datev_export(*OCTOBER, scope, by_pay_date=False, include_images=False, enshrine=False)


async def exports(sandbox: SandboxClient) -> list[Any]:
    """The jobs that the sandbox remembers."""
    found: list[Any] = (await sandbox.control("GET", "/state?only=exports"))["exports"]
    return found


async def fetched(client: SevDeskClient, link: str, **limits: Any) -> bytes:
    """The file behind a link; what an earlier download left in the file goes."""
    file = io.BytesIO(b"left over" * 100_000)
    await client.download(link, file, **limits)
    return file.getvalue()


async def archive(client: SevDeskClient, job: str) -> DownloadInfo:
    """The address of a job's archive, after as many questions as it takes."""
    for _ in range(5):
        if info := await client.datev_download_info(job):
            return info
    raise AssertionError("the job does not end")


async def test_period_is_whole_berlin_days(client: SevDeskClient, sandbox: SandboxClient) -> None:
    """From the first midnight, in summer time, to the last second, in winter time; flags in words."""
    job = await client.create_datev_export(*OCTOBER, "ET", by_pay_date=True, include_images=True, enshrine=False)
    [shown] = await exports(sandbox)
    assert shown["id"] == job
    assert shown["parameters"] == {
        "startDate": "1790805600",  # 2026-10-01T00:00:00+02:00
        "endDate": "1793487599",  # 2026-10-31T23:59:59+01:00
        "scope": "ET",
        "exportByPaydate": "true",
        "includeEnshrined": "true",
        "enshrineDocuments": "false",
        "includeDocumentImages": "true",
    }


@pytest.mark.parametrize(
    ("first", "last", "scope"),
    [
        (date(2026, 10, 2), date(2026, 10, 1), "E"),
        (*OCTOBER, ""),
        (*OCTOBER, "EA"),
    ],
)
async def test_senseless_exports_stay_here(
    client: SevDeskClient, calls: list[Call], first: date, last: date, scope: str
) -> None:
    """Refused without a call."""
    with pytest.raises(errors.Refused, match="not sent"):
        await client.create_datev_export(first, last, scope, by_pay_date=False, include_images=False, enshrine=False)
    assert calls == []


@pytest.mark.parametrize("form", ["array", "object"])
@pytest.mark.parametrize("not_ready", ["empty", "null"])
async def test_export_runs_to_its_archive(
    client: SevDeskClient, sandbox: SandboxClient, form: str, not_ready: str
) -> None:
    """Start, progress, no link yet, link, archive, whichever form the answers have."""
    await sandbox.switch(datev_form=form, datev_not_ready=not_ready, datev_polls=4)
    job = await start(client)
    assert await client.datev_progress(job) == Progress(current=25, total=100)
    assert await client.datev_download_info(job) is None
    assert await client.datev_progress(job) == Progress(current=75, total=100)
    info = await archive(client, job)
    assert info.filename == "BITTE-ENTPACKEN_Buchungsstapel_und_Belegbilder_1001_1_20261001_bis_20261031.zip"
    assert info.expires is not None and info.expires.utcoffset() is not None
    content = await fetched(client, info.link)
    assert "EXTF_Buchungsstapel.csv" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert len(await exports(sandbox)) == 1


async def test_progress_in_place_of_hash(client: SevDeskClient, sandbox: SandboxClient) -> None:
    """Should the specification's schema be right after all, it is taken as it is."""
    await sandbox.switch(datev_hash="progress")
    assert await client.datev_progress(await start(client)) == Progress(current=0, total=100)


async def test_downloads_carry_no_token(client: SevDeskClient, sandbox: SandboxClient, calls: list[Call]) -> None:
    """Storage would refuse it; and nobody else ever gets to see it, nor a log the link."""
    info = await archive(client, await start(client))
    await fetched(client, info.link)
    [job] = await exports(sandbox)
    assert [(each["status"], each["authorization"]) for each in job["downloads"]] == [(200, False)]
    assert (calls[-1].path, calls[-1].outcome) == ("(download link)", "ok")
    assert info.link not in repr(info) and "Signature" not in repr(calls)


async def test_expired_links_are_renewed(client: SevDeskClient, sandbox: SandboxClient, calls: list[Call]) -> None:
    """The old one is refused once and for all, a new one works, and no second job was started for it."""
    job = await start(client)
    old = await archive(client, job)
    await sandbox.control("POST", "/expire_links")
    calls.clear()
    with pytest.raises(errors.Refused, match="AccessDenied") as caught:
        await fetched(client, old.link)
    assert len(calls) == 1 and "X-Amz" not in str(caught.value)
    new = await archive(client, job)
    assert new.link != old.link and (await fetched(client, new.link)).startswith(b"PK")
    assert len(await exports(sandbox)) == 1


async def test_large_archives_are_not_taken(client: SevDeskClient, calls: list[Call]) -> None:
    """Not one attempt more than the first, which ends at the limit."""
    info = await archive(client, await start(client))
    size = len(await fetched(client, info.link))
    assert len(await fetched(client, info.link, max_bytes=size)) == size
    calls.clear()
    with pytest.raises(errors.Refused, match=f"larger than {size - 1} bytes"):
        await fetched(client, info.link, max_bytes=size - 1)
    assert len(calls) == 1


@pytest.mark.parametrize("kind", ["lose_answer", "status"])
async def test_lost_start_is_never_repeated(
    client: SevDeskClient, sandbox: SandboxClient, calls: list[Call], kind: str
) -> None:
    """A GET, and yet a write: the job may be running, so there is one attempt and an open question."""
    fault = {"kind": kind, "path": "/Export/*", "times": None, "status": 502, "commit": True}
    await sandbox.control("POST", "/faults", json=fault)
    with pytest.raises(errors.OutcomeUnknown):
        await start(client)
    assert len(calls) == len(await exports(sandbox)) == 1


async def test_broken_progress_is_repeated(client: SevDeskClient, sandbox: SandboxClient, calls: list[Call]) -> None:
    """Watching is a read."""
    job = await start(client)
    fault = {"kind": "status", "status": 502, "path": "*jobDownloadInfo", "times": 2}
    await sandbox.control("POST", "/faults", json=fault)
    calls.clear()
    assert await client.datev_download_info(job) is None
    assert [call.outcome for call in calls] == ["Unavailable", "Unavailable", "ok"]


async def test_broken_downloads_are_repeated(client: SevDeskClient, sandbox: SandboxClient, calls: list[Call]) -> None:
    """A connection that breaks and a storage in trouble cost an attempt each, not the export."""
    info = await archive(client, await start(client))
    for fault in ({"kind": "drop_before"}, {"kind": "status", "status": 503}):
        await sandbox.control("POST", "/faults", json={**fault, "path": "/storage/*"})
    calls.clear()
    assert (await fetched(client, info.link)).startswith(b"PK")
    assert [call.outcome for call in calls] == ["Unavailable", "Unavailable", "ok"]


@pytest.mark.parametrize(
    ("switches", "status"),
    [({"datev_conflict": "always"}, 409), ({}, 400)],
)
async def test_refused_starts_are_final(
    client: SevDeskClient, sandbox: SandboxClient, calls: list[Call], switches: dict[str, Any], status: int
) -> None:
    """A conflict, or an accounting year whose beginning nobody set: one attempt, and no job."""
    await sandbox.switch(**switches)
    if not switches:
        await sandbox.control("PUT", "/export_config", json={"accounting_year_begin": None})
    with pytest.raises(errors.Refused) as caught:
        await start(client)
    assert (caught.value.status, len(calls)) == (status, 1)
    assert await exports(sandbox) == []


@pytest.mark.parametrize(("switch", "error"), [("fail", errors.Refused), ("crash", errors.Unavailable)])
async def test_failed_jobs_are_told(
    client: SevDeskClient, sandbox: SandboxClient, switch: str, error: type[errors.SevDeskError]
) -> None:
    """As a refusal or as trouble, never as an archive."""
    job = await start(client)
    await sandbox.switch(datev_job=switch)
    with pytest.raises(error):
        await client.datev_download_info(job)


async def test_unknown_jobs_are_not_found(client: SevDeskClient) -> None:
    """Neither their progress nor their archive."""
    for call in (client.datev_progress, client.datev_download_info):
        with pytest.raises(errors.NotFound):
            await call("0a0e1eff-9590-1bea-1195-a3cfc04364cc")


async def test_export_config_is_set(client: SevDeskClient, sandbox: SandboxClient) -> None:
    """Refused to API tokens as one peer met it; where it is allowed, the archive bears the numbers."""
    with pytest.raises(errors.Refused, match="Access denied"):
        await client.update_export_config("1000001", 29098, 55003, date(2026, 7, 1))
    await sandbox.switch(export_config_access="allow")
    await client.update_export_config("1000001", 29098, 55003, date(2026, 7, 1))
    assert "_29098_55003_" in (await archive(client, await start(client))).filename
    shown = await sandbox.control("PUT", "/export_config", json={})
    assert shown["accounting_year_begin"] == "2026-07-01"


@pytest.mark.parametrize(
    "link",
    ["http://storage.example.com/a.zip", "ftp://storage.example.com/a.zip", "/a.zip", "", "https://", "file:///etc/x"],
)
async def test_open_links_are_not_followed(alone: SevDeskClient, link: str) -> None:
    """What anybody could overhear, and what is no address at all, is Refused without a call."""
    with pytest.raises(errors.Refused, match="not fetched"):
        await fetched(alone, link)


async def test_redirected_downloads_end_there(alone: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """A signed link never redirects; whoever does is not asked twice elsewhere."""
    headers = {"Location": "https://elsewhere.example.com/"}
    httpx_mock.add_response(url=LINK, status_code=302, headers=headers, is_reusable=True)
    with pytest.raises(errors.Unavailable):
        await fetched(alone, LINK)
    assert {str(request.url) for request in httpx_mock.get_requests()} == {LINK}
    assert all("authorization" not in request.headers for request in httpx_mock.get_requests())


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, b"<Error><Code>AccessDenied</Code></Error>", errors.Refused),
        (404, b"", errors.Refused),
        (408, b"", errors.Unavailable),
        (429, b"", errors.Throttled),
        (503, b"<Error><Code>SlowDown</Code></Error>", errors.Throttled),
        (500, b"\xff<html>", errors.Unavailable),
        (302, b"", errors.Unavailable),
        (206, b"PK", errors.Unavailable),
        (999, b"", errors.Unavailable),
    ],
)
def test_storage_answers_have_meanings(status: int, body: bytes, error: type[errors.SevDeskError]) -> None:
    """Only a plain 200 is a file; the rest is what the caller can do about it."""
    request = Request("GET", "(download link)", link=LINK)
    with pytest.raises(error) as caught:
        read_file(request, Answer(status, {}, body))
    assert type(caught.value) is error and "storage.example" not in str(caught.value)


@pytest.mark.parametrize("objects", [None, [], {}, "", ["a", "b"], 7, "a b", {"id": "x"}, ["x" * 101]])
async def test_strange_job_ids_are_questions(alone: SevDeskClient, httpx_mock: HTTPXMock, objects: Any) -> None:
    """A job was probably started, and nothing can be asked about it."""
    httpx_mock.add_response(json={"objects": objects})
    with pytest.raises(errors.OutcomeUnknown, match="job id"):
        await start(alone)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (None, Progress()),
        ([], Progress()),
        ([{"current": "33", "total": "100"}], Progress(current=33, total=100)),
        ({"current": 33, "total": 100, "more": 1}, Progress(current=33, total=100)),
    ],
)
async def test_progress_is_read_kindly(
    alone: SevDeskClient, httpx_mock: HTTPXMock, objects: Any, expected: Progress
) -> None:
    """In a list, bare, as words, or not at all."""
    httpx_mock.add_response(json={"objects": ["22ae_0a0e1eff"]})
    httpx_mock.add_response(json={"objects": objects})
    assert await alone.datev_progress("0a0e1eff") == expected
    assert httpx_mock.get_requests()[1].url.params["hash"] == "22ae_0a0e1eff"


@pytest.mark.parametrize("objects", [None, [], {}, [{}], {"link": None}, {"filename": "a.zip", "link": ""}])
async def test_no_link_means_not_yet(alone: SevDeskClient, httpx_mock: HTTPXMock, objects: Any) -> None:
    """However an unfinished job may say so."""
    httpx_mock.add_response(json={"objects": objects})
    assert await alone.datev_download_info("0a0e1eff") is None


async def test_archive_names_stay_names(alone: SevDeskClient, httpx_mock: HTTPXMock) -> None:
    """No path can hide in one."""
    found = {"filename": "../..\\etc/x\n.zip", "link": LINK, "linkExpireDate": "2026-11-24T12:14:22+01:00"}
    httpx_mock.add_response(json={"objects": [found]})
    info = await alone.datev_download_info("0a0e1eff")
    assert info is not None and info.filename == "x.zip"
