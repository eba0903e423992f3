"""Somebody else answers in sevDesk's place: without a trusted certificate for its name nothing is sent."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from client.samples import answer
from flow.fronts import Authority, server_side
from hostile.lying_server import TOKEN, LyingServer, lying_server, saying

from sevdesk_client import errors
from sevdesk_client.client import SevDeskClient
from worker.steps.http_client import open_http, trusted


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SSL_CERT_FILE names this authority, as it does where a private one is in use."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    trusted.cache_clear()
    yield
    trusted.cache_clear()


@asynccontextmanager
async def behind(certificate: Path | None, host: str) -> AsyncIterator[tuple[SevDeskClient, LyingServer]]:
    """The worker's HTTP client, and a server with this certificate; None: it speaks no TLS."""
    tls = server_side(certificate) if certificate else None
    async with lying_server(saying(answer("version")), tls) as server, open_http({}, seconds=5.0) as http:
        url = f"https://{host}:{server.url.rpartition(':')[2]}"
        yield SevDeskClient(http, TOKEN, base_url=url, timeout=5.0, attempts=1, max_wait=0), server


async def test_private_authority_is_trusted(authority: Authority) -> None:
    """The right certificate, by which the others are measured."""
    async with behind(authority.server, "localhost") as (client, server):
        assert await client.bookkeeping_system_version() == "2.0"
        assert TOKEN in server.heads[0]


def self_signed(authority: Authority) -> Path:
    own = Authority(authority.ca.parent, "localhost")
    made = own.ca.with_name("self-signed.pem")
    made.write_bytes(own.ca.read_bytes() + own.key.read_bytes())
    return made


LIES = {
    "self-signed": (self_signed, "localhost", "self-signed certificate"),
    "of another authority": (lambda it: Authority(it.ca.parent, "other").server, "localhost", "unable to get local"),
    "expired": (lambda it: it.issue("localhost", days=-1), "localhost", "certificate has expired"),
    "for another host": (lambda it: it.issue("my.sevdesk.example"), "localhost", "Hostname mismatch"),
    "for the name only": (lambda it: it.server, "127.0.0.1", "IP address mismatch"),
    "no TLS": (lambda it: None, "localhost", "ConnectTimeout"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_nothing_is_sent_to_others(authority: Authority, lie: str) -> None:
    """Neither a read, nor a write, nor a download; the error says why, and a write is known not to have left."""
    issue, host, cause = LIES[lie]
    async with behind(issue(authority), host) as (client, server):
        for call in (
            client.bookkeeping_system_version(), client.send_by("1"),
            client.download(f"{client.base_url}/file.zip", io.BytesIO()),
        ):  # fmt: skip
            with pytest.raises(errors.NotSent) as caught:
                await call
            assert cause in caught.value.reason and TOKEN not in str(caught.value)
        assert server.heads == []
