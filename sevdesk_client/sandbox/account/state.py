"""Everything one account remembers. No handler waits while it changes this, so nobody ever sees halves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sevdesk_client.sandbox.account.export_records import ExportConfig, ExportJob
from sevdesk_client.sandbox.account.formats import BERLIN, Object
from sevdesk_client.sandbox.account.indexed_table import Shelf
from sevdesk_client.sandbox.account.records import Address, Contact, CreditNote, Invoice, Transaction, Way
from sevdesk_client.sandbox.account.switches import Switches

FIRST_ID = 135000001
FIRST_NUMBER = 1000


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Account:
    """The store and its indexes. `add`, `touch` and `remove` keep the indexes true."""

    clock: Callable[[], datetime] = _utc_now
    switches: Switches = field(default_factory=Switches)
    contacts: Shelf[Contact] = field(default_factory=lambda: Shelf(lambda each: each.fields.get("customerNumber")))
    addresses: Shelf[Address] = field(default_factory=lambda: Shelf(lambda each: each.contact_id))
    ways: Shelf[Way] = field(default_factory=lambda: Shelf(lambda each: each.contact_id))
    invoices: dict[int, Invoice] = field(default_factory=dict)
    credit_notes: dict[int, CreditNote] = field(default_factory=dict)
    transactions: dict[int, Transaction] = field(default_factory=dict)
    vouchers: dict[int, int] = field(default_factory=dict)  # id -> status
    mails: list[Object] = field(default_factory=list)
    exports: dict[str, ExportJob] = field(default_factory=dict)
    export_config: ExportConfig = field(default_factory=ExportConfig)
    debtors: dict[int, int] = field(default_factory=dict)  # contact -> account in the tax adviser's books
    by_update: dict[int, Invoice] = field(default_factory=dict)
    by_note: dict[str, list[int]] = field(default_factory=dict)
    by_number: dict[str, list[int]] = field(default_factory=dict)
    last_id: int = FIRST_ID - 1
    next_number: int = FIRST_NUMBER
    next_customer: int = FIRST_NUMBER
    next_credit_note: int = FIRST_NUMBER

    def new_id(self) -> int:
        """Ids rise over all kinds of objects, so newest first is highest first."""
        self.last_id += 1
        return self.last_id

    def now(self) -> datetime:
        """The account's clock, aware."""
        return self.clock()

    def today(self) -> date:
        """The Berlin day."""
        return self.now().astimezone(BERLIN).date()

    def add(self, invoice: Invoice) -> Invoice:
        """Remember a new invoice."""
        self.invoices[invoice.id] = self.by_update[invoice.id] = invoice
        self._index(invoice)
        return invoice

    def touch(self, invoice: Invoice) -> Invoice:
        """Every change moves the update stamp (captures); by_update stays in order of it."""
        invoice.update = self.now()
        self.by_update[invoice.id] = self.by_update.pop(invoice.id)
        return invoice

    def remove(self, invoice: Invoice) -> None:
        """Forget an invoice; its number stays used up only if it was drawn from the sequence."""
        self._unindex(invoice)
        del self.invoices[invoice.id], self.by_update[invoice.id]

    def rename(self, invoice: Invoice, *, note: str | None, number: str | None) -> None:
        """Change what an invoice is found by."""
        self._unindex(invoice)
        invoice.note, invoice.number = note, number
        self._index(invoice)

    def holders(self, number: str) -> Iterator[Invoice]:
        """Every invoice with this number, drafts included."""
        return (self.invoices[ident] for ident in self.by_number.get(number, ()))

    def draw_number(self) -> str:
        """The next free number of the RE sequence; cancellations draw from it too (capture)."""
        number = self.peek_number()
        self.next_number += 1
        return number

    def peek_number(self) -> str:
        """What the next document would be called; moves past numbers somebody chose by hand."""
        number = self.format_number(self.next_number)
        while any(each.status > 100 for each in self.holders(number)):
            self.next_number += 1
            number = self.format_number(self.next_number)
        return number

    def format_number(self, count: int) -> str:
        """The sequence's format with its placeholders filled (official)."""
        day = self.today()
        text = self.switches.number_format.replace("%NUMBER", str(count))
        return text.replace("%YYYY", f"{day:%Y}").replace("%MM", f"{day:%m}")

    def _index(self, invoice: Invoice) -> None:
        if invoice.note is not None:
            self.by_note.setdefault(invoice.note, []).append(invoice.id)
        if invoice.number is not None:
            self.by_number.setdefault(invoice.number, []).append(invoice.id)

    def _unindex(self, invoice: Invoice) -> None:
        for index, key in ((self.by_note, invoice.note), (self.by_number, invoice.number)):
            if key is not None:
                index[key].remove(invoice.id)
                if not index[key]:
                    del index[key]
