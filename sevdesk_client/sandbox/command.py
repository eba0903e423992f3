"""Serve, record or compare: what `python -m sevdesk_client.sandbox` does, callable from another command line."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from sevdesk_client.sandbox.http.recording import ROOT, parse_upstream, recording
from sevdesk_client.sandbox.http.replay import report
from sevdesk_client.sandbox.http.server import print_address, serve, stop_signal


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
    """Serve until SIGTERM or SIGINT, or compare a recording; returns the exit code, 2 (and stderr) for bad arguments.

    latency    milliseconds that a read and a write take
    record     append every request and answer to this file, forwarded to `upstream` or to a sandbox of its own
    upstream   an API such as https://my.sevdesk.de/api/v1; the caller's token is passed on
    diff       replay this file to a fresh sandbox and print how the answers differ; exit code 1 if any does
    ready      called with base URL and token (None with `upstream`) when serving; without it both are printed
    """
    try:
        if upstream is not None:
            parse_upstream(upstream)
            if record is None:
                raise ValueError("--upstream needs --record")
        if diff is not None:
            return report(diff)
        if record is None:
            serve(port, token, latency, ready)
        else:
            asyncio.run(_record(record, upstream, port, token, latency, ready or print_address))
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
