"""One launcher per test; everything else a sweep makes by itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chaos.children import Nursery, nursery


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Nursery]:
    """Where the workers come from."""
    async with nursery(tmp_path) as found:
        yield found
