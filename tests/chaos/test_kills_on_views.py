"""Kills of workers that run on a company's own tables, through views and with the least rights."""

import secrets

import psycopg
from chaos.children import Nursery
from chaos.lane import lane
from chaos.storm import blow

from worker.demo.own_tables import VIEWS, create_example
from worker.local import services as local
from worker.local.services import Services
from worker.store.migrate import migrate


async def test_kills_on_views_are_survived(services: Services, home: Nursery) -> None:
    """Some random kills: whoever lives finishes, and every book is right."""
    name = f"own_{secrets.token_hex(4)}"
    url = local.create_database(services, name)
    try:
        with psycopg.connect(url) as owner:
            create_example(owner)
        migrate(url, billing_schema=VIEWS)
        async with lane(services, name, home, 1, views=VIEWS) as place:
            storm = await blow(place, kills=8, workers=2, invoices=8, flush_every=None, seed=8)
    finally:
        local.drop_database(services, name)
    print(f"\n{storm}")
    assert storm.findings == []
