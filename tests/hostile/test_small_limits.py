"""A worker with too little of everything: 64 open files, 400 MB of addresses. It works, or says in one line why not."""

import asyncio
import resource
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from chaos.races import cut
from flow.waiting import wait_for
from hostile.trouble import ask, complaints, count, limited_worker

from worker.local.server import free_port
from worker.local.services import Services

needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="NOT CHECKED: this system cannot limit another process"
)
FILES, ADDRESSES = 64, 400 * 1024  # kB


@needs_prlimit
async def test_few_files_are_enough(services: Services, template: str, home: Nursery) -> None:
    """64 open files and 20 slots."""
    async with lane(services, template, home, 1) as place:
        worker = await place.worker(WORKER_MAX_JOBS=20)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        work = await ask(place, 25)
        assert await work.findings() == []
        assert complaints(worker) == []


@needs_prlimit
async def test_used_up_files_are_survived(services: Services, template: str, home: Nursery) -> None:
    """Silent connections to the metrics port take no more than their share. Without any file left it waits for one."""
    port = free_port()
    async with lane(services, template, home, 1) as place, AsyncExitStack() as stack:
        worker = await place.worker(METRICS_PORT=port, METRICS_HOST="127.0.0.1")
        await wait_for(lambda: count(worker, "locks.ready") == 1)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2 * FILES)]
        for _, writer in connections:
            stack.callback(writer.close)
        work = await ask(place)
        assert await work.findings() == []
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (1, FILES))
        more = await ask(place)
        assert await cut(place, "sevdesk-worker%") >= 2  # so that it has to connect anew
        await wait_for(lambda: count(worker, "worker.no_room") == 1)
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        assert await more.findings() == []
        assert complaints(worker) == []


@pytest.mark.skipif(sys.platform != "linux", reason="NOT CHECKED: addresses are counted otherwise")
async def test_few_addresses_are_enough(services: Services, template: str, home: Nursery, tmp_path: Path) -> None:
    """400 MB of address space and 64 files from the start, for a worker with 20 slots, its threads and children."""
    async with (
        lane(services, template, home, 1) as place,
        limited_worker(place, tmp_path, f"-n {FILES} -v {ADDRESSES}") as worker,
    ):
        work = await ask(place, 25)
        assert await work.findings() == []
        assert complaints(worker) == []
        assert count(worker, "worker.started") == 1
