"""Everything one account remembers. Endpoints change it without awaiting, so no request sees a half-done change."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sevdesk_client.sandbox.account.export_records import ExportConfig, ExportJob
from sevdesk_client.sandbox.account.formats import BERLIN, Object
from sevdesk_client.sandbox.account.indexed_table import IndexedTable
from sevdesk_client.sandbox.account.records import Address, CommunicationWay, Contact, CreditNote, Invoice, Transaction
from sevdesk_client.sandbox.account.switches import Switches

FIRST_ID = 135000001
FIRST_NUMBER = 1000


def _note_and_number(invoice: Invoice) -> tuple[Hashable, ...]:
    return tuple(pair for pair in (("note", invoice.note), ("number", invoice.number)) if pair[1] is not None)


def _of_contact() -> IndexedTable[Any]:
    return IndexedTable(lambda record: (record.contact_id,))


@dataclass(slots=True)
class Account:
    """All records and their indexes; after a change of an invoice call `touch`."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    switches: Switches = field(default_factory=Switches)
    contacts: IndexedTable[Contact] = field(
        default_factory=lambda: IndexedTable(lambda contact: (contact.fields.get("customerNumber"),))
    )
    addresses: IndexedTable[Address] = field(default_factory=_of_contact)
    communication_ways: IndexedTable[CommunicationWay] = field(default_factory=_of_contact)
    invoices: IndexedTable[Invoice] = field(default_factory=lambda: IndexedTable(_note_and_number))
    credit_notes: dict[int, CreditNote] = field(default_factory=dict)
    transactions: dict[int, Transaction] = field(default_factory=dict)
    vouchers: dict[int, int] = field(default_factory=dict)  # id -> status
    mails: list[Object] = field(default_factory=list)
    exports: dict[str, ExportJob] = field(default_factory=dict)
    export_config: ExportConfig = field(default_factory=ExportConfig)
    debtors: dict[int, int] = field(default_factory=dict)  # contact id -> debtor account in the tax adviser's books
    by_update: dict[int, Invoice] = field(default_factory=dict)  # in order of their `update`
    last_id: int = FIRST_ID - 1
    next_number: int = FIRST_NUMBER
    next_customer: int = FIRST_NUMBER
    next_credit_note: int = FIRST_NUMBER

    def new_id(self) -> int:
        """One rising sequence for all models, so descending ids are newest first."""
        self.last_id += 1
        return self.last_id

    def new_record(self) -> tuple[int, datetime, datetime]:
        """Id, `create` and `update` of a new record."""
        now = self.now()
        return self.new_id(), now, now

    def now(self) -> datetime:
        """The present time by the account's clock, aware."""
        return self.clock()

    def today(self) -> date:
        """The present date in Berlin."""
        return self.now().astimezone(BERLIN).date()

    def add(self, invoice: Invoice) -> Invoice:
        """Store a new invoice, or index a changed one again."""
        self.by_update.pop(invoice.id, None)
        self.by_update[invoice.id] = invoice
        return self.invoices.put(invoice)

    def touch(self, invoice: Invoice) -> Invoice:
        """Set `update` to now, as every change does (captures), and index the invoice again."""
        invoice.update = self.now()
        return self.add(invoice)

    def remove(self, invoice: Invoice) -> None:
        """Delete an invoice; the sequence does not go back."""
        self.invoices.remove(invoice)
        del self.by_update[invoice.id]

    def with_note(self, note: str) -> list[Invoice]:
        """All invoices with this customerInternalNote."""
        return self.invoices.with_key(("note", note))

    def with_number(self, number: str) -> list[Invoice]:
        """All invoices with this number, drafts included."""
        return self.invoices.with_key(("number", number))

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
        day, form = self.today(), self.switches.number_format
        form = form.replace("%YYYY", f"{day:%Y}").replace("%MM", f"{day:%m}")  # placeholders: official
        while any(each.status > 100 for each in self.with_number(form.replace("%NUMBER", str(self.next_number)))):
            self.next_number += 1
        return form.replace("%NUMBER", str(self.next_number))

    def peek_credit_note(self) -> str:
        """The next number of the CN sequence. Drafts share it: it moves when one is enshrined (measured by one)."""
        return f"GU-{self.next_credit_note}"

    def credited(self, invoice_id: int) -> list[CreditNote]:
        """The credit notes against an invoice, oldest first."""
        return [each for each in self.credit_notes.values() if each.source_id == invoice_id]
