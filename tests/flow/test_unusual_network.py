"""Unusual ways to sevDesk and to the operator: proxies, a private certificate authority, a terminal with ASCII only."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flow.billing import Billing
from flow.fronts import Authority, tls_front
from flow.operators import Operator

from worker.settings import Settings

PASSWORD = "ge/heim@"
ENCODED = "ge%2Fheim%40"


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """Of this test's database, Redis and sandbox."""
    return Operator(settings, tmp_path)


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[int, list[str]]]:
    """The port of an HTTP proxy that wants an account, and the first lines and accounts it was sent."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heard.append(head)
        wanted = base64.b64encode(f"u:{PASSWORD}".encode()).decode()
        if wanted not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        else:
            url = urlsplit(head.split(" ")[1])
            there, ours = await asyncio.open_connection(url.hostname, url.port)
            own = head.replace(f"http://{url.netloc}", "", 1)  # a server is asked for the path only
            ours.write(own.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1).encode())
            writer.write(await there.read())
            ours.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


async def sevdesk_check(operator: Operator, code: int = 0, **changed: object) -> tuple[str, str]:
    """What doctor says about sevDesk; nothing of the proxy's password is printed anywhere."""
    ended, out, err = await operator.run("doctor", **changed)
    assert ended == code, (out, err)
    assert "heim" not in out + err and ENCODED not in out + err
    found = await operator.json("doctor", code=code, **changed)
    [check] = [check for check in found["checks"] if check["name"] == "sevdesk"]
    return check["level"], check["detail"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxy_is_used(name: str, operator: Operator, proxy: tuple[int, list[str]]) -> None:
    """With its account; the password holds characters that are written encoded."""
    port, heard = proxy
    level, _ = await sevdesk_check(operator, **{name: f"http://u:{ENCODED}@127.0.0.1:{port}"})
    assert level == "ok" and heard


@pytest.mark.parametrize("spared", ["127.0.0.1", "127.0.0.0/8", "*", "x 127.0.0.1"])
async def test_no_proxy_spares_sevdesk(spared: str, operator: Operator, proxy: tuple[int, list[str]]) -> None:
    """However it is written, sevDesk is asked directly."""
    port, heard = proxy
    changed = {"ALL_PROXY": f"http://u:{ENCODED}@127.0.0.1:{port}", "NO_PROXY": spared}
    assert (await sevdesk_check(operator, **changed))[0] == "ok" and heard == []


async def test_refusing_proxy_is_told(operator: Operator, proxy: tuple[int, list[str]]) -> None:
    """A wrong account, and a proxy that is away: a failed check, and no password."""
    port, _ = proxy
    for address in (f"u:geheim@127.0.0.1:{port}", f"u:{ENCODED}@127.0.0.1:9"):
        assert (await sevdesk_check(operator, 1, HTTP_PROXY=f"http://{address}"))[0] == "fail"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ALL_PROXY": f"socks5://u:{ENCODED}@127.0.0.1:1080"}, "ALL_PROXY is a SOCKS proxy"),
        ({"HTTPS_PROXY": "http://u:ge/heim@proxy"}, "HTTPS_PROXY must be a URL like"),
        ({"SSL_CERT_FILE": "/none.pem"}, "SSL_CERT_FILE names /none.pem, which cannot be read: No such file"),
        ({"SSL_CERT_FILE": "/"}, "SSL_CERT_FILE names /, which cannot be read: Is a directory"),
        ({"SSLKEYLOGFILE": "/none/keys"}, "SSLKEYLOGFILE names /none/keys, which cannot be written: No such file"),
        ({"DATABASE_URL": "postgresql://u:geheim@h/x?sslrootcert=/none.pem"}, "sslrootcert names /none.pem"),
        ({"REDIS_URL": "redis+sentinel://:geheim@h/mymaster"}, "Setting REDIS_URL: names a Redis Sentinel"),
    ],
)
@pytest.mark.parametrize("command", ["run", "status", "migrate"])
async def test_unusable_surroundings_end_commands(
    command: str, changed: dict[str, object], said: str, operator: Operator
) -> None:
    """One sentence, exit code 2, and nothing of a password."""
    code, out, err = await operator.run(command, **changed)
    assert (code, out) == (2, "") and said in err and len(err.splitlines()) == 1
    assert "heim" not in err


async def test_private_authority_of_sevdesk(
    operator: Operator, settings: Settings, authority: Authority, tmp_path: Path
) -> None:
    """SSL_CERT_FILE names who is trusted; without it the certificate is refused, with the cause."""
    port = urlsplit(settings.sevdesk_base_url).port or 0
    async with tls_front(authority, port) as tls:
        url = f"https://localhost:{tls}/api/v1"
        changed = {"SEVDESK_BASE_URL": url, "SSL_CERT_FILE": authority.ca}
        assert (await sevdesk_check(operator, **changed))[0] == "ok"
        level, said = await sevdesk_check(operator, 1, SEVDESK_BASE_URL=url, WRITE_QUARANTINE=3)
        assert level == "fail" and "certificate verify failed" in said


async def test_terminal_without_umlauts(operator: Operator, billing: Billing) -> None:
    """What its encoding lacks becomes question marks; the command ends well."""
    await billing.db.execute("UPDATE sevdesk_config SET account_name = 'Müller → Söhne'")
    for arguments in (("status",), ("status", "--json"), ("doctor",), ("jobs",)):
        code, _, err = await operator.run(*arguments, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
        assert code == 0 and "Traceback" not in err
