"""Everything one account remembers. Endpoints change it without awaiting, so no request sees a half-done change."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sevdesk_client.sandbox.account.export_records import ExportConfig, ExportJob
from sevdesk_client.sandbox.account.formats import BERLIN, Object
from sevdesk_client.sandbox.account.indexed_table import IndexedTable
from sevdesk_client.sandbox.account.records import Address, CommunicationWay, Contact, CreditNote, Invoice, Transaction
from sevdesk_client.sandbox.account.switches import Switches

FIRST_ID = 135000001
FIRST_NUMBER = 1000


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _customer_number(contact: Contact) -> Hashable:
    return contact.fields.get("customerNumber")


def _contact_id(record: Address | CommunicationWay) -> Hashable:
    return record.contact_id


@dataclass(slots=True)
class Account:
    """All records and their indexes; invoices change through `add`, `touch`, `remove` and `set_note_and_number`."""

    clock: Callable[[], datetime] = _utc_now
    switches: Switches = field(default_factory=Switches)
    contacts: IndexedTable[Contact] = field(default_factory=lambda: IndexedTable(_customer_number))
    addresses: IndexedTable[Address] = field(default_factory=lambda: IndexedTable(_contact_id))
    communication_ways: IndexedTable[CommunicationWay] = field(default_factory=lambda: IndexedTable(_contact_id))
    invoices: dict[int, Invoice] = field(default_factory=dict)
    credit_notes: dict[int, CreditNote] = field(default_factory=dict)
    transactions: dict[int, Transaction] = field(default_factory=dict)
    vouchers: dict[int, int] = field(default_factory=dict)  # id -> status
    mails: list[Object] = field(default_factory=list)
    exports: dict[str, ExportJob] = field(default_factory=dict)
    export_config: ExportConfig = field(default_factory=ExportConfig)
    debtors: dict[int, int] = field(default_factory=dict)  # contact id -> debtor account in the tax adviser's books
    by_update: dict[int, Invoice] = field(default_factory=dict)  # in order of their `update`
    by_note: dict[str, list[int]] = field(default_factory=dict)
    by_number: dict[str, list[int]] = field(default_factory=dict)
    last_id: int = FIRST_ID - 1
    next_number: int = FIRST_NUMBER
    next_customer: int = FIRST_NUMBER
    next_credit_note: int = FIRST_NUMBER

    def new_id(self) -> int:
        """One rising sequence for all models, so descending ids are newest first."""
        self.last_id += 1
        return self.last_id

    def now(self) -> datetime:
        """The present time by the account's clock, aware."""
        return self.clock()

    def today(self) -> date:
        """The present date in Berlin."""
        return self.now().astimezone(BERLIN).date()

    def add(self, invoice: Invoice) -> Invoice:
        """Store a new invoice."""
        self.invoices[invoice.id] = self.by_update[invoice.id] = invoice
        self._index(invoice)
        return invoice

    def touch(self, invoice: Invoice) -> Invoice:
        """Set `update` to now, as every change does (captures), and keep by_update in order."""
        invoice.update = self.now()
        self.by_update[invoice.id] = self.by_update.pop(invoice.id)
        return invoice

    def remove(self, invoice: Invoice) -> None:
        """Delete an invoice; the sequence does not go back."""
        self._unindex(invoice)
        del self.invoices[invoice.id], self.by_update[invoice.id]

    def set_note_and_number(self, invoice: Invoice, *, note: str | None, number: str | None) -> None:
        """Change note and number, which are indexed."""
        self._unindex(invoice)
        invoice.note, invoice.number = note, number
        self._index(invoice)

    def with_number(self, number: str) -> Iterator[Invoice]:
        """All invoices with this number, drafts included."""
        return (self.invoices[ident] for ident in self.by_number.get(number, ()))

    def email_of(self, contact_id: int) -> str | None:
        """The contact's first e-mail address."""
        ways = self.communication_ways.with_key(contact_id)
        return next((each.value for each in ways if each.type == "EMAIL"), None)

    def take_number(self) -> str:
        """Use up the next free number of the RE sequence, which cancellations share (capture)."""
        number = self.peek_number()
        self.next_number += 1
        return number

    def peek_number(self) -> str:
        """The next free number; skips those that finalised invoices already have."""
        number = self.format_number(self.next_number)
        while any(each.status > 100 for each in self.with_number(number)):
            self.next_number += 1
            number = self.format_number(self.next_number)
        return number

    def format_number(self, count: int) -> str:
        """`count` in the format of the sequence, placeholders replaced (official)."""
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
