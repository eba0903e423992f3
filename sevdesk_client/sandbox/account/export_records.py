"""Records of a DATEV export: its settings, postings, debtors and the job."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from pydantic.dataclasses import dataclass as pydantic_dataclass

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.sums import ZERO


@pydantic_dataclass(frozen=True, slots=True)
class ExportConfig:
    """What updateExportConfig sets; without a beginning of the accounting year no export starts (official)."""

    accountant_number: int = 1001  # the lowest Beraternummer that DATEV takes
    accountant_client_number: int = 1
    accounting_year_begin: date | None = date(2024, 1, 1)  # only month and day are used, for every year


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a Buchungsstapel; `side` is S (debit) or H (credit) of `account`; the amount is above 0."""

    amount: Decimal
    side: str
    account: int
    contra_account: int
    day: date
    number: str  # Belegfeld 1
    text: str
    currency: str = "EUR"
    tax_key: str = ""  # BU-Schlüssel
    due: date | None = None
    skonto: Decimal = ZERO
    image_guid: str = ""  # of the document image, for Beleglink

    def swapped(self) -> "Posting":
        """The same posting with account and contra account swapped, hence the other side."""
        side = "H" if self.side == "S" else "S"
        return replace(self, side=side, account=self.contra_account, contra_account=self.account)


@dataclass(frozen=True, slots=True)
class Debtor:
    """A contact's debtor account in the tax adviser's books, with the texts of the contact and of its address."""

    account: int
    contact: Object
    address: Object
    country: str
    email: str | None


@dataclass(slots=True)
class ExportJob:
    """One export with the data of the moment it was started. `hash` is what getProgress is called with."""

    id: str
    hash: str
    create: datetime
    parameters: Object  # the query of the call that started it
    start: date  # Berlin days, both included
    end: date
    config: ExportConfig
    chart: str
    postings: tuple[Posting, ...]
    debtors: tuple[Debtor, ...]
    images: dict[str, tuple[Invoice, str | None]]  # GUID -> copy of the invoice, XML of an e-invoice
    enshrined: tuple[int, ...]  # the ids it enshrined
    enshrine_documents: bool  # also written into the Buchungsstapel as Festschreibung
    polls: int = 0
    links: dict[str, datetime] = field(default_factory=dict)  # signature -> when the link expires
    downloads: list[Object] = field(default_factory=list)

    @property
    def filename(self) -> str:
        """The archive's file name (official example)."""
        period = f"{self.start:%Y%m%d}_bis_{self.end:%Y%m%d}"
        owner = f"{self.config.accountant_number}_{self.config.accountant_client_number}"
        return f"BITTE-ENTPACKEN_Buchungsstapel_und_Belegbilder_{owner}_{period}.zip"
