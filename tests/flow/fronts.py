"""What may stand between a client and its server: a unix socket, or TLS with a private certificate authority."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from worker.domain.postgres_url import PostgresUrl

BYTES = 1 << 16


class Authority:
    """A certificate authority in a folder: `ca` is its own certificate, `server` is for localhost, 127.0.0.1 only."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.ca, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        may = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._openssl("req", "-x509", *self._new_key(self.key), "-subj", f"/CN={name}", "-days", "2", *may,
                      "-out", self.ca)  # fmt: skip
        self.server = self.issue("localhost")

    def issue(self, host: str, days: int = 2) -> Path:
        """Certificate and key of a server for this host, valid from now for so many days; -1: expired yesterday."""
        made = self.ca.with_name(f"{self.ca.stem}-{host}{days}.pem")
        request, names, key = (made.with_suffix(each) for each in (".csr", ".ext", ".key"))
        names.write_text(f"subjectAltName=DNS:{host}\nauthorityKeyIdentifier=keyid\n")
        self._openssl("req", "-new", *self._new_key(key), "-subj", f"/CN={host}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial",
                      "-days", str(days), "-extfile", names, "-out", made)  # fmt: skip
        made.write_bytes(made.read_bytes() + key.read_bytes())
        return made

    def context(self) -> ssl.SSLContext:
        """The server's side."""
        return server_side(self.server)

    @staticmethod
    def _new_key(path: Path) -> list[str | Path]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]

    @staticmethod
    def _openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def server_side(certificate: Path) -> ssl.SSLContext:
    """The context of a server with this certificate, whose file also holds the key."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


@asynccontextmanager
async def socket_front(path: Path, port: int) -> AsyncIterator[Path]:
    """A unix socket whose connections reach the port of 127.0.0.1."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _relay(reader, writer, port)

    async with await asyncio.start_unix_server(serve, path):
        yield path


@asynccontextmanager
async def tls_front(authority: Authority, port: int, *, postgres: bool = False) -> AsyncIterator[int]:
    """A port where TLS is spoken, with Postgres' question before it if `postgres`; behind it is `port`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            if postgres:
                await reader.readexactly(8)  # SSLRequest
                writer.write(b"S")
                await writer.start_tls(authority.context())
            await _relay(reader, writer, port)

    context = None if postgres else authority.context()
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    theirs, ours = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while data := await source.read(BYTES):
                target.write(data)
                await target.drain()
        target.close()

    await asyncio.gather(copy(reader, ours), copy(theirs, writer))


def port_of(address: PostgresUrl) -> int:
    """The port of the first host."""
    return int(address.hosts[0][1])
