"""The job contract: one payload model per kind, who may ask for it, and how often it is tried. Pure.

A payload arrives as the `k` object of an arq job or as the jsonb of an outbox row. `requested_by` and
`correlation_id` belong to every job and are columns of the ledger, not fields of the models below.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Who(StrEnum):
    """Who may ask for a job. System jobs (cron, sweeps, outbox rows without a person) may do everything."""

    INTERNAL = "internal"
    ADMIN = "admin"


class Payload(BaseModel):
    """Unknown fields are refused: a misspelt option must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishInvoice(Payload):
    """Bring an approved invoice into sevDesk: contact, draft, layout, number, PDF."""

    invoice_id: UUID


class SendInvoice(Payload):
    """E-mail a published invoice to its recipient. Asked twice, sent once, unless `resend` is true."""

    invoice_id: UUID
    subject: str | None = Field(default=None, min_length=1, max_length=200)
    text: str | None = Field(default=None, min_length=1, max_length=20_000)
    resend: bool = False


class FetchInvoicePdf(Payload):
    """Fetch a published invoice's PDF again into `sevdesk_documents`."""

    invoice_id: UUID


class SyncPayments(Payload):
    """Bring payment state back: for everything that changed, or for one invoice."""

    invoice_id: UUID | None = None


# Seconds to wait before each further try. A passing fault (deploy, network) is over in seconds, an outage in minutes,
# a night's maintenance in hours; after that a person must look anyway, so the job is parked.
PATIENT = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
# The next tick syncs again by itself, so a run gives up before it.
BRIEF = (5.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job."""

    name: str
    payload: type[Payload]
    who: Who
    retry_delays: tuple[float, ...] = PATIENT


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("publish_invoice", PublishInvoice, Who.INTERNAL),
        Kind("send_invoice", SendInvoice, Who.INTERNAL),
        Kind("fetch_invoice_pdf", FetchInvoicePdf, Who.INTERNAL),
        Kind("sync_payments", SyncPayments, Who.ADMIN, BRIEF),
    )
}


class BadJob(Exception):
    """The job cannot be understood; the message says why, without repeating any value."""


def parse(kind_name: str, payload: Mapping[str, Any]) -> tuple[Kind, Payload]:
    """The kind and its validated payload. Raises `BadJob`."""
    kind = KINDS.get(kind_name)
    if kind is None:
        raise BadJob(f"Unknown job kind {kind_name[:60]!r}. Known kinds: {', '.join(KINDS)}.")
    try:
        return kind, kind.payload.model_validate(payload)
    except ValidationError as error:
        raise BadJob(f"The payload of {kind_name} is not valid: {_problems(error)}.") from None


def _problems(error: ValidationError) -> str:
    """Field and rule of each problem; never the value, which may be personal data."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'payload'}: {e['msg']}" for e in error.errors())
