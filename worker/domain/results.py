"""What a finished job's `result` contains, by kind; `sevdesk-worker schema` prints these types.

Keys of a TypedDict with `total=False` may be missing.
"""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict  # pydantic makes schemas of this one only before Python 3.12


class InvoiceResult(TypedDict):
    """publish_invoice, fetch_invoice_pdf, undelete_invoice: the invoice's state afterwards."""

    external_id: str | None
    external_invoice_number: str | None
    accounting_sync_status: str
    document_status: str


class CancelResult(InvoiceResult):
    """cancel_invoice. The cancelling document is null if sevDesk never had more than a draft."""

    cancellation_external_id: str | None
    cancellation_number: str | None
    refund_due: str | None  # in the invoice's currency: what had been paid before


class CreditResult(InvoiceResult):
    """credit_invoice. `credited` is the credit note's gross sum, `refund_due` what of it must be paid back."""

    credit_note_external_id: str
    credit_note_number: str
    credited: str
    refund_due: str


class SendResult(InvoiceResult):
    """send_invoice. `channel`: how this job sent it; null: it did not, because `sent_before` says how it was sent.

    That is `email`, `post`, `portal`, `by hand` in sevDesk, or `unknown`; `resend` sends it again.
    """

    channel: str | None
    sent_before: str | None


class BounceResult(InvoiceResult):
    """mail_bounced. `reported_before`: an earlier job has reported the same mail, so nothing changed."""

    reported_before: bool


class SyncResult(TypedDict, total=False):
    """sync_payments. `unresolved`: invoices that only a person can explain, each with a log line."""

    pages: int
    seen: int
    changed: int
    seconds: float
    unresolved: int
    joined: str  # the job whose run was active when this one was requested, and served both
    missed: int  # full: changes that the feed had missed
    by_id: int  # full: invoices that no page showed
    missing: int  # full, one invoice: that sevDesk did not have; a second look decides
    held_back: int  # changes about which another run has asked a person (`mass_change`)


class ExportResult(TypedDict, total=False):
    """export_datev. `status` and `findings` (kind -> number) are those of `sevdesk_datev_exports`."""

    export_id: str
    status: str
    findings: dict[str, int]


class CheckResult(TypedDict):
    """One check of test_connection; `level` is ok, warn, fail or unknown (a person must look)."""

    name: str
    level: str
    detail: str
    next_step: str | None


class ConnectionResult(TypedDict):
    """test_connection. The job is done whether or not the checks pass."""

    connected: bool
    account_id: str | None
    account_name: str | None
    templates: int | None
    checks: list[CheckResult]


class TemplatesResult(TypedDict, total=False):
    """refresh_templates. `fetched` is false when the table was younger than five minutes."""

    fetched: bool
    templates: int
    removed: int
    age_seconds: float


class SettingChange(TypedDict):
    """One changed setting."""

    old: Any
    new: Any


class AdoptResult(TypedDict):
    """adopt. `findings` (code -> number): what it could not link, and what only sevDesk has (`adopt` lists them)."""

    invoices: int  # of ours, that are or may be in sevDesk
    known: int  # of them linked before
    linked: int
    contacts_linked: int
    pdfs_asked: int
    sync_job: str  # the payment sync that brings the statuses in line
    findings: dict[str, int]


class ConfigResult(TypedDict):
    """update_config: what differed, by field."""

    changed: dict[str, SettingChange]


RESULTS: Mapping[str, type] = {
    "publish_invoice": InvoiceResult,
    "send_invoice": SendResult,
    "mail_bounced": BounceResult,
    "fetch_invoice_pdf": InvoiceResult,
    "undelete_invoice": InvoiceResult,
    "cancel_invoice": CancelResult,
    "credit_invoice": CreditResult,
    "sync_payments": SyncResult,
    "export_datev": ExportResult,
    "test_connection": ConnectionResult,
    "refresh_templates": TemplatesResult,
    "adopt": AdoptResult,
    "update_config": ConfigResult,
}
