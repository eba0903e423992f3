"""python -m sevdesk_client.sandbox: runs a local sevDesk until SIGTERM or SIGINT."""

import argparse
import sys
from pathlib import Path

from sevdesk_client.sandbox.command import run


def _latency(text: str) -> tuple[float, float]:
    read, write = (float(part) for part in text.split(","))
    if min(read, write) < 0:
        raise ValueError(text)
    return read, write


def main() -> int:
    """Read the command line and serve, record or compare."""
    parser = argparse.ArgumentParser(prog="python -m sevdesk_client.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, finds a free one")
    parser.add_argument("--token", help="default: a random one")
    parser.add_argument(
        "--latency", type=_latency, default=(0.0, 0.0), metavar="READ_MS,WRITE_MS", help="how long calls take"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="append requests and answers, scrubbed")
    parser.add_argument("--upstream", metavar="URL", help="the API to record, instead of a sandbox")
    parser.add_argument("--diff", type=Path, metavar="FILE", help="compare a recording with the sandbox, and exit")
    options = parser.parse_args()
    return run(**vars(options))


if __name__ == "__main__":
    sys.exit(main())
