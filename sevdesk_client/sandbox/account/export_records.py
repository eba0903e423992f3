"""What a DATEV export is made of: its postings, its debtors, and the job that carries them. Plain records."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.sums import ZERO


@dataclass(slots=True)
class ExportConfig:
    """What updateExportConfig sets; without the beginning of the accounting year nothing is exported (official)."""

    accountant_number: int = 1001  # the lowest Beraternummer that DATEV takes
    accountant_client_number: int = 1
    accounting_year_begin: date | None = date(2024, 1, 1)  # month and day count, for every year


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a Buchungsstapel: `account` against `contra`; `side` S or H is that of `account`; amount above 0."""

    amount: Decimal
    side: str
    account: int
    contra: int
    day: date
    number: str  # Belegfeld 1
    text: str
    currency: str = "EUR"
    key: str = ""  # BU-Schlüssel
    due: date | None = None
    skonto: Decimal = ZERO
    document: str = ""  # GUID of its image

    def turned(self) -> "Posting":
        """The same said from the other account's side."""
        return replace(self, side="H" if self.side == "S" else "S", account=self.contra, contra=self.account)


@dataclass(frozen=True, slots=True)
class Debtor:
    """A contact's account in the tax adviser's books, with its address."""

    account: int
    company: str | None
    surname: str | None
    given_name: str | None
    vat_number: str | None
    street: str | None
    zip: str | None
    city: str | None
    country: str
    email: str | None


@dataclass(slots=True)
class ExportJob:
    """One export, frozen as the account was when it was ordered. `hash` is what getProgress is asked with."""

    id: str
    hash: str
    create: datetime
    parameters: Object  # the query as it came
    start: date  # Berlin days, both included
    end: date
    config: ExportConfig
    chart: str
    postings: tuple[Posting, ...]
    debtors: tuple[Debtor, ...]
    images: dict[str, tuple[Invoice, str | None]]  # GUID -> copy of the invoice, and the XML of an e-invoice
    enshrined: tuple[int, ...]  # the ids it enshrined
    fixed: bool  # enshrineDocuments: the Stapel says so too
    polls: int = 0
    links: dict[str, datetime] = field(default_factory=dict)  # signature -> end of its life
    downloads: list[Object] = field(default_factory=list)

    @property
    def filename(self) -> str:
        """The archive's name (official example)."""
        period = f"{self.start:%Y%m%d}_bis_{self.end:%Y%m%d}"
        owner = f"{self.config.accountant_number}_{self.config.accountant_client_number}"
        return f"BITTE-ENTPACKEN_Buchungsstapel_und_Belegbilder_{owner}_{period}.zip"
