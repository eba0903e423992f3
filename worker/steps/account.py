"""sevDesk as the steps see it: the client, and the account facts that hardly ever change, asked for once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import NotFound

# Users, countries and payment methods change a few times a year; an hour keeps a changed one from surprising for long.
REMEMBER_SECONDS = 3600.0


class Desk:
    """One per process. Concurrent askers of the same fact share one call."""

    def __init__(self, client: SevDeskClient, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.client, self.now = client, now
        self._facts: dict[str, tuple[float, Any]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def turn(self) -> None:
        """Before a write's intent: wait until it may leave at once. Raises `Throttled` when it cannot for long."""
        await self.client.turn()

    async def contact_person_id(self) -> str:
        """The account's first user, whom sevDesk wants named on each invoice (measured by two)."""
        users = await self._fact("users", self.client.list_users)
        return str(users[0].id)

    async def country_id(self, code: str) -> str:
        """sevDesk's id for an ISO 3166-1 alpha-2 code."""
        country = await self._fact(f"country:{code}", lambda: self.client.find_country(code))
        return str(country.id)

    async def payment_method_id(self, electronic_invoice_id: str) -> str:
        """The account's payment method with this UNTDID 4461 code; ids are per account (capture).

        Raises NotFound when the account has none.
        """
        methods = await self._fact("payment methods", self.client.list_payment_methods)
        for method in methods:
            if method.electronic_invoice_id == electronic_invoice_id:
                return str(method.id)
        raise NotFound("GET /PaymentMethod", f"no payment method with electronicInvoiceId {electronic_invoice_id}")

    async def _fact(self, name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        async with self._asking.setdefault(name, asyncio.Lock()):
            known = self._facts.get(name)
            if known is None or monotonic() - known[0] > REMEMBER_SECONDS:
                known = (monotonic(), await ask())
                self._facts[name] = known
            return known[1]
