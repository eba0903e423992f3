"""Bugs that the sweep must catch, planted in a worker process before it runs. The product knows nothing of them."""

import asyncio
import os
from collections.abc import Callable

from worker.app import App

BUGS: dict[str, Callable[[], None]] = {}


def die_with(lifeline: int) -> None:
    """End the worker when its launcher is gone."""
    original = App.run

    async def run(self: App) -> None:
        asyncio.get_running_loop().add_reader(lifeline, os._exit, 1)
        await original(self)

    App.run = run  # type: ignore[method-assign]
