"""For processes that do nothing but fork others: everything these would import, once."""

import gc
import importlib
import pkgutil

import worker

# What libraries import only when it is needed.
LATE = ("anyio._backends._asyncio", "httpcore", "redis.asyncio", "typer._adapters", "typer.rich_utils")


def preload() -> None:
    """Import all of the worker. To be called before the first fork, with nothing else running."""
    for name in (*LATE, *(module.name for module in pkgutil.walk_packages(worker.__path__, "worker."))):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork that looks through these objects for garbage gets a copy of each page they are on
