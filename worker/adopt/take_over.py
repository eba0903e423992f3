"""Reads both books by pages, judges every invoice and every party, and records what is certain. Reads only in sevDesk.

It may be stopped at any point and repeated: what is recorded is found recorded, and nothing else depends on the run.
"""

import unicodedata
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import ContactAddress, Record
from sevdesk_client.sending import Hits
from worker.adopt.contacts import Contacts, Match, with_address
from worker.adopt.documents import Documents
from worker.adopt.matching import MAX_IDS, OldInvoice, claimed, judge
from worker.adopt.rows import linked_parties, old_invoice, party_of
from worker.domain import lifecycle
from worker.domain.adoption import Finding, finding
from worker.domain.eu_vat import vat_id_text
from worker.domain.invoice import Party, PartyKind, party_name
from worker.domain.ledger import Change, Job
from worker.domain.recipients import PartyKey, customer_number
from worker.steps.pages import Counted, Fetch, read_pages
from worker.store import Store
from worker.store.rows import Row, UnknownValue, from_row

T = TypeVar("T", bound=Record)
PAGE = 1000  # rows per statement
FIRST = UUID(int=0)  # before every id


@dataclass(slots=True)
class Adoption:
    """What one run found. `linked` and `contacts_linked`: recorded by it, or what would be (dry run)."""

    invoices: int = 0  # of ours, that are or may be in sevDesk
    documents: int = 0  # sevDesk's
    contacts: int = 0  # sevDesk's
    calls: int = 0  # requests to sevDesk
    known: int = 0  # invoices that were linked before
    linked: int = 0
    contacts_linked: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def doubts(self) -> list[Finding]:
        """What a person must decide."""
        return [each for each in self.findings if each.is_doubt]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by code."""
        return dict(Counter(each.code for each in self.findings))


class TakeOver:
    """One run. Without a job nothing is recorded."""

    def __init__(self, store: Store, client: SevDeskClient, job: Job | None = None) -> None:
        self.store, self.client, self.job = store, client, job
        self.found = Adoption()
        self.documents, self.people = Documents(()), Contacts()
        self.of_invoices: dict[PartyKey, set[str]] = {}  # the contacts of a party's documents
        self.addresses: dict[str, list[ContactAddress]] = {}  # of contacts that share a name, each read once

    async def run(self) -> Adoption:
        """Raises `SevDeskError`, or one of `CONNECTION_LOST`."""
        odd = await self.store.query("odd_numbers")
        self.documents = Documents({unicodedata.normalize("NFC", row["number"]) for row in odd})
        async for page in self._pages("/Invoice", self.client.list_invoices):
            self.documents.add(page)
        async for contacts in self._pages("/Contact", self.client.list_contacts):
            self.people.add(contacts)
        self.documents.owners = await self._owners()
        self.found.documents, self.found.contacts = len(self.documents), len(self.people)
        claims = Counter[str]()
        async for invoices in self._invoices():
            claims.update(id for invoice, _ in invoices for id in claimed(invoice, self.documents))
        async for invoices in self._invoices(again=True):
            await self._judge_page(invoices, claims)
        await self._parties()
        self.found.findings += [
            finding("adopt_document_unknown", external_id=it.id, sevdesk_number=it.number)
            for it in self.documents
            if it.is_final and it.id not in claims
        ]
        await self._credit_notes()
        return self.found

    async def _owners(self) -> dict[str, PartyKey]:
        """Whose contact each is for certain."""
        vat_ids = dict[str, list[UUID]]()
        async for rows in self._rows("adoptable_companies"):
            for row in rows:
                if vat_id := vat_id_text(row["vat_id"] or ""):
                    vat_ids.setdefault(vat_id, []).append(row["id"])
        links = await self.store.query("known_contacts", contact_ids=None)
        return self.people.owners(vat_ids) | linked_parties(links)

    async def _pages(self, path: str, fetch: Fetch[T]) -> AsyncIterator[Hits[T]]:
        """As `read_pages`, with the calls counted."""
        counted = Counted(fetch)
        async with aclosing(read_pages(f"GET {path}", counted)) as pages:
            async for page in pages:
                yield page
        self.found.calls += counted.calls

    async def _rows(self, statement: str) -> AsyncIterator[list[Row]]:
        after = FIRST
        while rows := await self.store.query(statement, after=after, most=PAGE):
            yield rows
            after = rows[-1]["id"]

    async def _invoices(self, *, again: bool = False) -> AsyncIterator[list[tuple[OldInvoice, Row]]]:
        """Pages of ours. Rows with statuses that the worker does not know are left out; `reconcile` names them."""
        async for ids in self._rows("adoptable_invoices"):
            page = []
            for row in await self.store.query("old_invoices", ids=[row["id"] for row in ids]):
                try:
                    page.append((old_invoice(row), row))
                except UnknownValue:
                    continue
            self.found.invoices += len(page) if again else 0
            yield page

    async def _judge_page(self, page: list[tuple[OldInvoice, Row]], claims: Counter[str]) -> None:
        changes = list[Change]()
        for invoice, row in page:
            verdict = judge(invoice, self.documents, claims)
            if verdict.finding is not None:
                self.found.findings.append(verdict.finding)
            if verdict.document is None:
                continue
            self._remember(row, verdict.document.contact_id)
            if verdict.event is None:
                self.found.known += 1
                continue
            after = lifecycle.apply(invoice.handback, verdict.event)
            changes.append(Change(invoice.id, invoice.handback, after, (verdict.event,)))
        if self.job is None:
            self.found.linked += len(changes)
        elif changes:  # what was changed meanwhile is left for the next run
            self.found.linked += len(await self.store.record(self.job, changes, all_or_nothing=False))

    def _remember(self, row: Row, contact_id: str | None) -> None:
        key = party_of(row)
        if key is not None and contact_id is not None:
            self.of_invoices.setdefault(key, set()).add(contact_id)

    async def _parties(self) -> None:
        """Link parties that have no contact yet. A contact that two parties would get is a doubt of both."""
        found, doubts = dict[PartyKey, str](), dict[PartyKey, tuple[str, ...]]()
        for kind, statement in ((PartyKind.COMPANY, "adoptable_companies"), (PartyKind.CONTACT, "adoptable_people")):
            async for rows in self._rows(statement):
                for row in rows:
                    if row["contact_id"] is not None:
                        continue
                    party = from_row(Party, row, kind=kind)
                    match = await self._match(party)
                    if (only := match.only) is not None:
                        found[kind, party.id] = only
                    elif match.ids:
                        doubts[kind, party.id] = match.ids
        links = await self.store.query("known_contacts", contact_ids=None)
        taken = Counter(found.values()) + Counter(row["contact_id"] for row in links)
        doubts |= {key: (id,) for key, id in found.items() if taken[id] > 1}
        self.found.findings += [_doubt(key, ids) for key, ids in doubts.items()]
        await self._link([(key, id) for key, id in found.items() if key not in doubts])

    async def _match(self, party: Party) -> Match:
        used = self.of_invoices.get((party.kind, party.id), set())
        match = self.people.match(party, used)
        if match.only is not None or (match.ids and not match.certain):
            return match
        same = self.people.named(party)
        if match.ids:  # several: name and address may tell which
            same = tuple(id for id in match.ids if id in same)
        if not same:
            return match
        for id in (id for id in same if id not in self.addresses):
            self.addresses[id] = await self.client.list_contact_addresses(id)
            self.found.calls += 1
        by_address = with_address(party, {id: self.addresses[id] for id in same})
        return match if match.ids and by_address.only is None else by_address

    async def _link(self, links: list[tuple[PartyKey, str]]) -> None:
        if self.job is None:
            self.found.contacts_linked += len(links)
            return
        attempt = {"job_id": self.job.job_id, "attempt": self.job.attempt}
        for start in range(0, len(links), PAGE):
            page = links[start : start + PAGE]
            columns: dict[str, list[Any]] = {
                "kinds": [key[0].value for key, _ in page],
                "party_ids": [key[1] for key, _ in page],
                "found": [id for _, id in page],
            }
            self.found.contacts_linked += len(await self.store.query("link_adopted_contacts", **columns, **attempt))

    async def _credit_notes(self) -> None:
        known = {row["external_id"] for row in await self.store.query("known_credit_notes")}
        listed = set[str]()
        async for page in self._pages("/CreditNote", self.client.list_credit_notes):
            for note in page:
                if note.id not in known | listed:
                    listed.add(note.id)
                    number = note.credit_note_number or "-"
                    about = {"external_id": note.id, "sevdesk_number": number}
                    self.found.findings.append(finding("adopt_credit_note_unknown", **about))


def _doubt(key: PartyKey, ids: tuple[str, ...]) -> Finding:
    kind, id = key
    number = customer_number(Party(kind, id, "", None, None, None, None, None, None))
    shown = ", ".join(ids[:MAX_IDS]) + (" ..." if len(ids) > MAX_IDS else "")
    return finding("adopt_contact_ambiguous", party=party_name(kind, id), ids=shown, customer_number=number)
