"""What `python -m sevdesk_client.sandbox` does, for whoever has a command line of their own."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from sevdesk_client.sandbox.http.recording import ROOT, recording, upstream_of
from sevdesk_client.sandbox.http.replay import report
from sevdesk_client.sandbox.http.server import announce, serve, stop_signal


def run(
    *,
    port: int = 0,
    token: str | None = None,
    latency: tuple[float, float] = (0, 0),
    record: Path | None = None,
    upstream: str | None = None,
    diff: Path | None = None,
    ready: Callable[[str, str | None], None] | None = None,
) -> int:
    """Serve until signalled, or with `diff` compare and return; the exit code. Mistakes are told on stderr, code 2.

    record     write down what passes, into this file: before `upstream`, or before a sandbox of its own
    upstream   an API such as https://my.sevdesk.de/api/v1; the caller's token is passed on
    diff       replay this file to a fresh sandbox, print what is built differently: 1 if anything is
    """
    try:
        if upstream is not None:
            upstream_of(upstream)
            if record is None:
                raise ValueError("--upstream needs --record")
        if diff is not None:
            return report(diff)
        if record is None:
            serve(port, token, latency, ready)
        else:
            asyncio.run(_record(record, upstream, port, token, latency, ready or announce))
    except (ValueError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


async def _record(
    file: Path,
    upstream: str | None,
    port: int,
    token: str | None,
    latency: tuple[float, float],
    ready: Callable[[str, str | None], None],
) -> None:
    stop = stop_signal()
    async with recording(file, upstream=upstream, port=port, token=token, latency=latency) as (url, known, _):
        ready(f"{url}{ROOT}", known)
        await stop.wait()
