"""Serve, record or compare: what `python -m sevdesk_client.sandbox` does, callable from another command line."""

import asyncio
import contextlib
import errno
import signal
import sys
from pathlib import Path

from sevdesk_client.sandbox.http.recording import ROOT, parse_upstream, recording
from sevdesk_client.sandbox.http.replay import report
from sevdesk_client.sandbox.http.server import running


def run(
    *,
    port: int = 0,
    token: str | None = None,
    latency: tuple[float, float] = (0, 0),
    record: Path | None = None,
    upstream: str | None = None,
    diff: Path | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, or compare a recording; returns the exit code, 2 (and stderr) for bad arguments.

    latency    milliseconds that a read and a write take
    record     append every request and answer to this file, forwarded to `upstream` or to a sandbox of its own
    upstream   an API such as https://my.sevdesk.de/api/v1; the caller's token is passed on
    diff       replay this file to a fresh sandbox and print how the answers differ; exit code 1 if any does
    """
    try:
        if not 0 <= port < 65536:
            raise ValueError(f"--port is {port}; ports are 0 to 65535")
        if upstream is not None:
            parse_upstream(upstream)
            if record is None:
                raise ValueError("--upstream needs --record")
        if diff is not None:
            return report(diff)
        asyncio.run(_serve(port, token, latency, record, upstream))
    except OSError as problem:
        taken = problem.errno == errno.EADDRINUSE
        print(
            f"Port {port} is taken. Choose another --port; 0 takes a free one." if taken else problem, file=sys.stderr
        )
        return 2
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


async def _serve(
    port: int, token: str | None, latency: tuple[float, float], record: Path | None, upstream: str | None
) -> None:
    """Print base URL and, if there is one, token as NAME=value lines, for other programs to read; wait for a signal."""
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):  # before the address is printed, so that no signal is lost
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        if record is None:
            sandbox = await stack.enter_async_context(running(port=port, token=token, latency=latency))
            base_url, token = sandbox.base_url, sandbox.token
        else:
            proxy = recording(record, upstream=upstream, port=port, token=token, latency=latency)
            url, token, _ = await stack.enter_async_context(proxy)
            base_url = f"{url}{ROOT}"
        print(f"SEVDESK_BASE_URL={base_url}", flush=True)
        if token is not None:
            print(f"SEVDESK_API_TOKEN={token}", flush=True)
        await stop.wait()
