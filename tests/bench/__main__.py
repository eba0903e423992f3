"""Every measurement, both sides in one run, as one table: `make bench ARGS="--quick --only B7,B8 --out bench.json"`."""

import argparse
import asyncio
import os
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from bench import archives, backlog, fleet, payments, poolers, publishing, queueing, soak
from bench.ground import Ground
from bench.table import Row, show, write

from worker.local import services as local
from worker.store.migrate import migrate

Bench = Callable[[Ground, set[str]], Awaitable[list[Row]]]
BENCHES: list[tuple[Bench, tuple[str, ...]]] = [
    (payments.bench, ("A1", "A2")),
    (payments.bench, ("A3", "A4")),
    (publishing.bench, ("B5",)),
    (publishing.bench, ("B6",)),
    *((queueing.bench, (number,)) for number in ("B7", "B8", "B9", "B10")),
    *((fleet.bench, (number,)) for number in ("B11", "B12")),
    *((queueing.bench, (number,)) for number in ("B13", "B14")),
    (fleet.bench, ("B15",)),
    *((backlog.bench, (number,)) for number in ("C1", "C2", "C3", "C4")),
    (poolers.bench, ("C8",)),
    (archives.bench, ("C9",)),
    *((soak.bench, (number,)) for number in ("D1", "D2")),
]
SOAK = {"D1", "D2"}  # half an hour; only when named, as `make soak` does


async def measure(ground: Ground, wanted: set[str]) -> tuple[list[Row], list[str]]:
    """One after another, for they would disturb each other; and the numbers of those that broke."""
    rows: list[Row] = []
    broken: list[str] = []
    for bench, numbers in BENCHES:
        if not wanted & set(numbers):
            continue
        started, load = time.monotonic(), os.getloadavg()[0]
        try:
            found = await bench(ground, wanted & set(numbers))
            rows += [replace(row, load=round(load, 2)) for row in found if row.number in wanted]
        except Exception:  # the others are still worth their hour
            traceback.print_exc()
            broken += numbers
        seconds = time.monotonic() - started
        print(f"{', '.join(numbers)}: {seconds:.0f} s, load before {load:.1f}", file=sys.stderr, flush=True)
    return rows, broken


def main() -> None:
    """Measure and print."""
    everything = [number for _, numbers in BENCHES for number in numbers]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--only", default=",".join(n for n in everything if n not in SOAK), help="such as A1,B7")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    given = parser.parse_args()
    wanted = set(given.only.upper().split(","))
    if unknown := wanted - set(everything):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    with local.scratch() as folder, local.services(folder, durable=False) as services:
        template = f"template_{secrets.token_hex(4)}"
        migrate(local.create_database(services, template), billing_reference=True)
        logs = folder / "logs"
        logs.mkdir()
        rows, broken = asyncio.run(measure(Ground(services, template, logs, given.quick), wanted))
    show(rows, given.quick)
    if given.out:
        write(rows, given.out, given.quick)
    if broken:
        sys.exit(f"These did not come to an end: {', '.join(broken)}.")


if __name__ == "__main__":
    main()
