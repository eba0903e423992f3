"""Which companies would stop under the duty to issue e-invoices, by what they lack, and what is known of the seller."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sevdesk_client.errors import NotFound
from worker.domain.e_invoice_duty import NEVER_SMALL, RULES_UNDER_DUTY, SMALL_AMOUNT
from worker.domain.e_invoice_readiness import SellerField, lacking, seller_fields
from worker.domain.eu_vat import GERMANY, territory_outside
from worker.domain.html_page import Html, heading, page, paragraph, table
from worker.domain.invoice import Party, PartyKind
from worker.einvoice.validation import missing_packages
from worker.settings import Settings
from worker.steps.field_map import CREDIT_TRANSFER
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store
from worker.store.rows import Row, from_row

UNTOLD = (
    "The API has no call for the company settings: what is “not told” must be looked up in sevDesk, among the "
    "company's settings. sevDesk itself names missing data only when an e-invoice is finalized."
)
NO_RULES = (
    "The official rules are not installed here: e-invoices would only be compared with their invoices. Install "
    "sevdesk-worker[einvoice]."
)
COLUMNS = ("company", "lacks", "invoices", "latest", "id")


@dataclass(frozen=True, slots=True)
class CompanyLacking:
    """A company to which e-invoices could not go yet; `invoices` that would have to be some, the latest of that day."""

    company: str
    lacks: tuple[str, ...]
    invoices: int
    latest: date
    id: UUID


@dataclass(frozen=True, slots=True)
class Readiness:
    """`since` and `mode` as the settings say; `seller` is empty where sevDesk was not asked."""

    since: date | None
    mode: str
    companies: int  # that get invoices under the duty, lacking something or not
    lacking: tuple[CompanyLacking, ...]
    seller: tuple[SellerField, ...]
    rules_installed: bool

    @property
    def by_field(self) -> dict[str, int]:
        """How many companies lack each field, the most frequent first."""
        return dict(Counter(name.partition(":")[0] for each in self.lacking for name in each.lacks).most_common())

    @property
    def is_ready(self) -> bool:
        """Nothing is known to be missing."""
        return not self.lacking and all(each.state != "missing" for each in self.seller)


async def readiness_of(store: Store, settings: Settings, account: SevdeskAccount | None) -> Readiness:
    """Reads the book, changes nothing. Raises `SevDeskError` if `account` is given."""
    rules, never_small = sorted(RULES_UNDER_DUTY), sorted(NEVER_SMALL)
    told: list[Row] = await store.query(
        "readiness_companies", tax_rules=rules, small_amount=SMALL_AMOUNT, never_small=never_small
    )
    rows = [row for row in told if not territory_outside(GERMANY, row["zip"])]
    found = [
        CompanyLacking(row["name"] or "", lacks, row["invoices"], row["latest"], row["id"])
        for row in rows
        if (lacks := lacking(from_row(Party, row, kind=PartyKind.COMPANY, first_name=None), row["tax_rules"]))
    ]
    seller = await _seller(account) if account is not None else ()
    return Readiness(
        settings.e_invoice_from, settings.e_invoice_mode.value, len(rows), tuple(found), seller, not missing_packages()
    )


async def _seller(account: SevdeskAccount) -> tuple[SellerField, ...]:
    """What the account shows of itself. There is no call for it in the specification; `embed` is inferred."""
    users = await account.client.list_users(with_account=True)
    told = next((user.client_told for user in users), {})
    try:
        await account.payment_method_id(CREDIT_TRANSFER)
        transfer = SellerField("payment method credit transfer (58)", "filled")
    except NotFound:
        transfer = SellerField("payment method credit transfer (58)", "missing")
    return (*seller_fields(told), transfer)


def summary(result: Readiness) -> str:
    """Since when the duty holds, how many companies would stop, and what they lack, in one sentence."""
    since = f"from {result.since}" if result.since else "switched off (E_INVOICE_FROM)"
    lack = len(result.lacking)
    fields = ", ".join(f"{count} {name}" for name, count in result.by_field.items())
    missing = f" Missing: {fields}." if fields else ""
    return f"Duty {since}, mode {result.mode}: {lack} of {result.companies} companies would stop.{missing}"


def report(result: Readiness) -> str:
    """The page for `--html`."""
    parts: list[Html] = [paragraph(summary(result), "good" if result.is_ready else "bad")]
    if result.lacking:
        rows = [(each.company, ", ".join(each.lacks), each.invoices, each.latest, each.id) for each in result.lacking]
        parts += [heading("Companies"), table([name.capitalize() for name in COLUMNS], rows)]
    if result.seller:
        parts += [heading("The seller in sevDesk"), table(("Field", "State"), _cells(result.seller))]
        parts.append(paragraph(UNTOLD, "quiet"))
    if not result.rules_installed:
        parts.append(paragraph(NO_RULES, "bad"))
    return page("Readiness for e-invoices", parts)


def _cells(fields: tuple[SellerField, ...]) -> list[tuple[str, str]]:
    return [(each.field, each.state) for each in fields]
