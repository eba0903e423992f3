"""sevDesk's invoices as they are searched: by id, by what names our invoice, and by amount and day. Pure."""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.adoption_events import AdoptedBy
from worker.domain.recipients import PartyKey
from worker.steps.payments import DERIVED, DRAFT

# What may be an invoice number within a header, such as "Rechnung INV-1"; a number without a digit is not found.
_WORD = re.compile(r"[^\s,;:()]*\d[^\s,;:()]*")
MAX_WORDS = 20  # of a header; more are text, and cost memory
MAX_PARTS = 3  # of an invoice number that has blanks


@dataclass(frozen=True, slots=True)
class Document:
    """The fields that are compared; about 300 bytes each."""

    id: str
    number: str | None
    status: int
    type: str
    contact_id: str | None
    currency: str
    gross: Decimal
    day: date | None

    @property
    def is_final(self) -> bool:
        """It has its number, and is no cancellation, reminder or recurring invoice."""
        return self.status != DRAFT and self.type not in DERIVED and self.number is not None


Names = dict[str, tuple[str, ...]]  # name -> ids


def header_names(header: str) -> set[str]:
    """What may be an invoice number in a header: words with a digit, and up to three in a row, as they stand."""
    words = unicodedata.normalize("NFC", header).split()[:MAX_WORDS]
    names = set(_WORD.findall(" ".join(words)))
    for start in range(len(words)):
        names |= {" ".join(words[start:end]) for end in range(start + 1, min(start + MAX_PARTS, len(words)) + 1)}
    return {plain for name in names if any(map(str.isdigit, plain := name.rstrip(".,;:")))}


class Documents:
    """All of sevDesk's invoices.

    `odd_numbers`: those of ours that are no single word of a header. Others of that kind are not remembered, for they
    would cost as much memory as all else; None: the documents are few, and all are.
    """

    def __init__(self, odd_numbers: Container[str] | None = None) -> None:
        self._odd_numbers = odd_numbers
        self.owners: Mapping[str, PartyKey] = {}  # contact id -> the customer of ours that it is for certain
        self._by_id: dict[str, Document] = {}
        self._named: dict[AdoptedBy, Names] = {"marker": {}, "number": {}, "header": {}}
        self._alike: dict[tuple[Decimal, str, date | None], tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._by_id.values())

    def add(self, invoices: Iterable[SevInvoice]) -> None:
        """Add a page; one whose id is known is passed over."""
        for it in invoices:
            if it.id in self._by_id:
                continue
            document = Document(it.id, it.invoice_number, it.status, it.invoice_type, it.contact_id, it.currency,
                                it.sum_gross, it.invoice_date)  # fmt: skip
            self._by_id[it.id] = document
            if document.type in DERIVED:
                continue
            self._name("marker", it.customer_internal_note, it.id)
            self._name("number", it.invoice_number, it.id)
            for name in header_names(it.header or ""):
                if _WORD.fullmatch(name) or self._odd_numbers is None or name in self._odd_numbers:
                    self._name("header", name, it.id)
            key = (document.gross, document.currency, document.day)
            self._alike[key] = (*self._alike.get(key, ()), it.id)

    def _name(self, by: AdoptedBy, name: str | None, id: str) -> None:
        if name:
            name = unicodedata.normalize("NFC", name)
            self._named[by][name] = (*self._named[by].get(name, ()), id)

    def names(self) -> list[str]:
        """All that may be an invoice number."""
        names = {name for names in self._named.values() for name in names}
        return sorted(names | {unicodedata.normalize("NFD", name) for name in names if not name.isascii()})

    def get(self, id: str | None) -> Document | None:
        """The document with this id."""
        return self._by_id.get(id or "")

    def named(self, *numbers: str | None) -> dict[str, AdoptedBy]:
        """Ids of the documents that one of these numbers names, with the strongest of the ways."""
        found: dict[str, AdoptedBy] = {}
        for by, names in self._named.items():
            for number in numbers:
                found = {id: by for id in names.get(unicodedata.normalize("NFC", number or ""), ())} | found
        return found

    def alike(self, gross: Decimal, currency: str, day: date) -> tuple[str, ...]:
        """Ids of the documents with this gross sum, currency and day."""
        return self._alike.get((gross, currency, day), ())
