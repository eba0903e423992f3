"""python -m sevdesk_client.sandbox: a sevDesk to try things on, until it is signalled."""

import argparse

from sevdesk_client.sandbox.server import serve


def _latency(text: str) -> tuple[float, float]:
    read, write = (float(part) for part in text.split(","))
    if min(read, write) < 0:
        raise ValueError(text)
    return read, write


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sevdesk_client.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, finds a free one")
    parser.add_argument("--token", help="default: a random one")
    parser.add_argument(
        "--latency", type=_latency, default=(0.0, 0.0), metavar="READ_MS,WRITE_MS", help="how long calls take"
    )
    options = parser.parse_args()
    serve(options.port, options.token, options.latency)


if __name__ == "__main__":
    main()
