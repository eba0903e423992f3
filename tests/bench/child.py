"""What the benchmarks start as processes of their own: `python -m bench.child ROLE`. Settings come as variables.

On SIGUSR1 (and at the end) a child writes what it knows of itself to the file BENCH_FACTS.
"""

import asyncio
import json
import logging.config
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bench import counting

from worker.einvoice.memory import peak_rss

STARTS: list[float] = []  # when jobs of the other sides started
ANSWER: dict[str, Any] = {}
_seen = 0


def tell(*_: Any) -> None:
    """Write the facts, whole or not at all."""
    global _seen
    _seen += 1
    facts = {
        "seen": _seen,
        "cpu": time.process_time(),
        "peak_rss": peak_rss() / 2**20,
        "job_sql": dict(counting.JOBS),
        "beside_sql": dict(counting.SIDE_TABLE_EVENTS),
        "starts": STARTS,
        **ANSWER,
    }
    path = Path(os.environ["BENCH_FACTS"])
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(facts))
    draft.replace(path)


def ours() -> None:
    """The real worker, with one more job kind."""
    from bench import noop

    import worker.__main__

    noop.register()
    if os.environ.get("BENCH_COUNT"):
        counting.install()
    sys.argv = ["sevdesk-worker", "run"]
    worker.__main__.main()


def arq() -> None:
    """arq as it ships: pickle, results kept, poll every half second, ten jobs at a time, its log at INFO."""
    from arq.connections import RedisSettings
    from arq.logs import default_log_config
    from arq.worker import create_worker, func
    from bench import bare

    draft = json.loads(os.environ.get("BENCH_DRAFT", "{}"))

    async def noop(ctx: dict[str, Any]) -> None:
        STARTS.append(time.time())

    async def nap(ctx: dict[str, Any]) -> None:
        STARTS.append(time.time())
        await asyncio.sleep(60)

    async def publish(ctx: dict[str, Any], number: str) -> None:
        STARTS.append(time.time())
        await bare.publish(ctx["http"], draft, number)

    async def startup(ctx: dict[str, Any]) -> None:
        if draft:
            ctx["http"] = bare.http_client(os.environ["SEVDESK_BASE_URL"], os.environ["SEVDESK_API_TOKEN"], 100)

    class Given:
        functions = [func(job, name=job.__name__) for job in (noop, nap, publish)]  # noqa: RUF012 - arq's way
        redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
        on_startup = startup
        max_jobs = int(os.environ.get("BENCH_SLOTS", "10"))

    logging.config.dictConfig(default_log_config(verbose=False))
    create_worker(Given).run()  # type: ignore[arg-type]


def blpop() -> None:
    """A list and BLPOP: the quickest wake-up Redis has."""
    import redis

    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.set("bench:ready", "1")
    while client.blpop(["bench:list"]):
        STARTS.append(time.time())


def bare_publish() -> None:
    """The publications' calls without a queue."""
    from bench import bare

    order = json.loads(os.environ["BENCH_ORDER"])
    url, token = os.environ["SEVDESK_BASE_URL"], os.environ["SEVDESK_API_TOKEN"]
    draft = json.loads(os.environ["BENCH_DRAFT"])
    ANSWER["seconds"] = asyncio.run(bare.publish_all(url, token, draft, order["numbers"], order["slots"]))


def bare_sweep() -> None:
    """The full sweep's calls and one UPDATE a page."""
    from bench import bare

    url, token = os.environ["SEVDESK_BASE_URL"], os.environ["SEVDESK_API_TOKEN"]
    ANSWER["seconds"] = asyncio.run(bare.sweep(url, token, os.environ["DATABASE_URL"]))


ROLES = {each.__name__: each for each in (ours, arq, blpop, bare_publish, bare_sweep)}

if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    try:
        ROLES[sys.argv[1]]()
    finally:
        tell()
