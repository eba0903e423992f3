"""The sevDesk client for the steps, with a cache of facts about the account that hardly ever change."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import NotFound, Refused, TokenRefused, Unavailable
from sevdesk_client.models import Country
from worker.domain.units import STOCK, Unit, find_unit

PIECE = STOCK[0]
NOT_LISTED = "–"  # a tax rule for which sevDesk names no kind of recipient, or did not say
# What the account has (users, countries, units, tax rules, payment methods) changes a few times a year; a change takes
# effect within an hour.
CACHE_SECONDS = 3600.0


class SevdeskAccount:
    """One per process. Concurrent callers that need the same fact share one request.

    Every method may raise a `SevDeskError`.
    """

    def __init__(self, client: SevDeskClient) -> None:
        self.client = client
        self._cache: dict[str, tuple[float, Any]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def contact_person_id(self) -> str:
        """The id of the account's first user; sevDesk requires a contact person on each invoice (measured by two).

        Raises NotFound when sevDesk lists none.
        """
        for id in await self.user_ids():
            return id
        raise NotFound("GET /SevUser", "the account has no users")

    async def user_ids(self, *, fresh: bool = False) -> list[str]:
        """The ids of the account's users; `fresh`: as they are now, not as they were up to an hour ago."""
        if fresh:
            self._cache.pop("users", None)
        return [user.id for user in await self._cached("users", self.client.list_users)]

    async def has_user(self, id: str) -> bool:
        """Whether the account has this user; one that was added since the list was read is found as well."""
        return id in await self.user_ids() or id in await self.user_ids(fresh=True)

    async def account_id(self) -> str | None:
        """The id of the account that the token belongs to (`sevClient` of its users: live, four peers)."""
        users = await self._cached("users", self.client.list_users)
        return next((user.client_id for user in users if user.client_id), None)

    async def country(self, code: str | None) -> Country:
        """sevDesk's country with an ISO 3166-1 alpha-2 code."""
        if not code:
            raise NotFound("GET /StaticCountry", "no code of a country")
        country: Country = await self._cached(f"country:{code}", lambda: self.client.find_country(code))
        return country

    async def unit(self, written: str | None) -> Unit | None:
        """The account's unit that a position's unit means; piece if it has none, None if it is unknown."""
        if not (written or "").strip():
            return PIECE
        return find_unit(written or "", await self.units())

    async def units(self) -> list[Unit]:
        units: list[Unit] = await self._cached("units", self._read_units)
        return units

    async def _read_units(self) -> list[Unit]:
        return [Unit(each.id, each.name or "", each.translation_code) for each in await self.client.list_units()]

    async def tax_rule_listed(self, rule: int) -> str:
        """For recipients in which countries sevDesk lists the tax rule: DE, EU, NOT_EU or NOT_LISTED."""
        rules: dict[str, str] = await self._cached("tax rules", self._read_tax_rules)
        return rules.get(str(rule), NOT_LISTED)

    async def _read_tax_rules(self) -> dict[str, str]:
        """Empty if sevDesk does not answer the call: it is in no specification, and only a second opinion."""
        try:
            rules = await self.client.list_tax_rules()
        except TokenRefused:
            raise
        except (Refused, Unavailable):
            return {}
        return {rule.id: rule.country_contact_type for rule in rules if rule.country_contact_type}

    async def payment_method_id(self, electronic_invoice_id: str) -> str:
        """The account's payment method with this UNTDID 4461 code; ids are per account (capture).

        Raises NotFound when the account has none.
        """
        methods = await self._cached("payment methods", self.client.list_payment_methods)
        for method in methods:
            if method.electronic_invoice_id == electronic_invoice_id:
                return str(method.id)
        raise NotFound("GET /PaymentMethod", f"no payment method with electronicInvoiceId {electronic_invoice_id}")

    async def _cached(self, name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        async with self._locks.setdefault(name, asyncio.Lock()):
            known = self._cache.get(name)
            if known is None or monotonic() - known[0] > CACHE_SECONDS:
                known = (monotonic(), await ask())
                self._cache[name] = known
            return known[1]
