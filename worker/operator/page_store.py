"""The rows that many dry runs read, read at once: a few statements for a page of invoices instead of ten for each."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from worker.operator.dry_run import DRY_RUN, ReadingStore
from worker.store import Store
from worker.store.connection import QUERIES
from worker.store.rows import Row

NOBODY = UUID(int=0)  # is no invoice's id
BOTH_KINDS = ["AR", "SR"]


class PageStore(ReadingStore):
    """Answers the statements of publishing from the page; any other statement, and one about a write, goes through."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._invoices: dict[UUID, Row] = {}
        self._parties: dict[tuple[str, UUID], Row] = {}
        self._links: dict[tuple[str, UUID], Row] = {}
        self._deals: dict[UUID, dict[UUID, Row]] = {}
        self._assumed: dict[UUID, dict[UUID, Row]] = {}
        self._in_doubt: set[str] = set()

    async def load(self, invoice_ids: Sequence[UUID]) -> None:
        """Read a page; the one before is forgotten."""
        rows = await self._each("load_invoice", [{"invoice_id": id, "job_id": DRY_RUN} for id in invoice_ids])
        self._invoices = {row["id"]: row for row in rows}
        await self._load_parties(rows)
        deals = sorted({row["deal_id"] for row in rows if row["deal_id"] is not None})
        about = {"document_kinds": BOTH_KINDS, "invoice_id": NOBODY, "job_id": DRY_RUN}
        self._deals = {deal: {} for deal in deals}
        for row in await self._each("load_deal_invoices", [{"deal_id": deal, **about} for deal in deals]):
            self._deals[row["deal_id"]][row["id"]] = row
        subjects = [f"invoice:{id}" for id in invoice_ids] + [f"contact:{id}" for _, id in self._parties]
        self._in_doubt = {row["subject"] for row in await super().query("subjects_in_doubt", subjects=subjects)}

    async def _load_parties(self, rows: Iterable[Row]) -> None:
        """Whoever may be a recipient of the page's invoices: as `load_context` chooses them."""
        ends = {end for row in rows for a in row["associations"] for end in ((a[0], a[1]), (a[2], a[3]))}
        documents = [row["document"] for row in rows if row["document"]]
        ends |= {(each["party_kind"], UUID(each["party_id"])) for each in documents}
        ends |= {("contact", row["contact_id"]) for row in rows if row["contact_id"]}
        companies = [id for kind, id in ends if kind == "company"]
        contacts = [id for kind, id in ends if kind == "contact"]
        found = await super().query("load_parties", company_ids=companies, contact_ids=contacts)
        self._parties = {(row["kind"], row["id"]): row for row in found}
        about = [{"party_kind": kind, "party_id": id} for kind, id in self._parties]
        links = await self._each("load_contact_link", about)
        self._links = {(row["party_kind"], row["party_id"]): row for row in links}

    async def _each(self, statement: str, values: list[dict[str, Any]]) -> list[Row]:
        """The rows of one statement for each set of values, in one go."""
        query = getattr(QUERIES, statement)
        names = QUERIES.driver_adapter.var_sorted[statement]
        async with self.pool.acquire() as connection, connection.transaction(readonly=True):
            given = [[each[name] for name in names] for each in values]
            rows: list[Row] = await connection.fetchmany(query.sql, given) if given else []
            return rows

    def assume_published(self, invoice_id: UUID) -> None:
        """From now on the invoice counts as published for the others of its deal."""
        row = self._invoices[invoice_id]
        if row["deal_id"] is None:
            return
        figures = ("position_number", 0), ("quantity", 3), ("price", 5), ("tax_rate", 6)  # columns of `items`
        self._assumed.setdefault(row["deal_id"], {})[invoice_id] = {
            **{name: row[name] for name in ("id", "number", "document_kind", "issue_date", "currency")},
            **{"published": True, "asked_before": False, "begun_before": False, "due_in": 0.0, "credited": []},
            "positions": [{name: item[column] for name, column in figures} for item in row["items"]],
        }

    async def is_in_doubt(self, subject: str) -> bool:
        return subject in self._in_doubt

    async def query(self, statement: str, /, **values: Any) -> Any:
        match statement:
            case "load_invoice":
                return self._invoices.get(values["invoice_id"])
            case "load_parties":
                asked = {("company", id) for id in values["company_ids"]} | {
                    ("contact", id) for id in values["contact_ids"]
                }
                return [self._parties[key] for key in asked if key in self._parties]
            case "load_contact_link":
                return self._links.get((values["party_kind"], values["party_id"]))
            case "load_deal_invoices":
                return self._of_deal(values["deal_id"], values["invoice_id"], values["document_kinds"])
            case "publications_ahead":
                return None  # whatever is under way now is over when the month is published
            case "find_open_intent" if values["subject"] not in self._in_doubt:
                return None
            case _:
                return await super().query(statement, **values)

    def _of_deal(self, deal_id: UUID, but: UUID, kinds: Sequence[str]) -> list[Row]:
        known = self._deals.get(deal_id, {}) | self._assumed.get(deal_id, {})
        others = [row for id, row in known.items() if id != but and row["document_kind"] in kinds]
        return sorted(others, key=lambda row: (row["issue_date"], row["number"]))
