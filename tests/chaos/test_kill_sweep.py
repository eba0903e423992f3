"""A worker dies at every await of a job, and the next one finishes it: each effect once, nothing lost."""

import pytest
from chaos.children import Nursery
from chaos.sweep import sweep

from worker.local import Services


@pytest.mark.long
async def test_death_at_every_boundary_is_survived(services: Services, template: str, home: Nursery) -> None:
    """All points of publish, send, resend, cancel and payment sync."""
    report = await sweep(services, template, home)
    print(f"\n{report}")
    assert report.findings == []
