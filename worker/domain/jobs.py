"""The job contract: the kinds of job, who may ask for each, and how often it is tried. Pure.

A payload arrives as the `k` object of an arq job or as the jsonb of an outbox row. `requested_by`,
`correlation_id` and `traceparent` belong to every job and are columns of the ledger, not fields of the payload.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from worker.domain import payloads
from worker.domain.payloads import Payload
from worker.domain.problems import Problem, problem

# Names of fields that error messages may repeat; anything else in the place of a name might be personal data.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}|[0-9]{1,6}")
# Enough to start correcting; a hostile payload may have thousands.
MAX_FAULTS = 5
NO_DATE = "must be a date such as 2026-10-31"


class Role(StrEnum):
    """Who may ask for a job. System jobs (cron, sweeps, outbox rows without a person) may do everything."""

    INTERNAL = "internal"
    ADMIN = "admin"


# Seconds to wait before each further try. A deploy or a network fault is over in seconds, an outage in minutes, a
# night's maintenance in hours; after that a person must look anyway, so the job is parked.
PATIENT = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
# For jobs that are repeated by schedule or that a person waits for.
BRIEF = (5.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job."""

    name: str
    payload: type[Payload]
    role: Role
    retry_delays: tuple[float, ...] = PATIENT
    needs_sevdesk: bool = True  # without an API token the job is parked


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("publish_invoice", payloads.PublishInvoice, Role.INTERNAL),
        Kind("send_invoice", payloads.SendInvoice, Role.INTERNAL),
        Kind("mail_bounced", payloads.MailBounced, Role.INTERNAL),
        Kind("fetch_invoice_pdf", payloads.FetchInvoicePdf, Role.INTERNAL),
        Kind("undelete_invoice", payloads.UndeleteInvoice, Role.INTERNAL),
        Kind("cancel_invoice", payloads.CancelInvoice, Role.INTERNAL),
        Kind("credit_invoice", payloads.CreditInvoice, Role.INTERNAL),
        Kind("sync_payments", payloads.SyncPayments, Role.ADMIN, BRIEF),
        Kind("export_datev", payloads.ExportDatev, Role.ADMIN),
        Kind("test_connection", payloads.TestConnection, Role.ADMIN, BRIEF),
        Kind("refresh_templates", payloads.RefreshTemplates, Role.ADMIN, BRIEF),
        Kind("adopt", payloads.Adopt, Role.ADMIN),
        Kind("update_config", payloads.UpdateConfig, Role.ADMIN, BRIEF, needs_sevdesk=False),
    )
}


class BadJob(Exception):
    """The job cannot be understood; the problem says why, without repeating any value."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.cause())


def parse(kind_name: str, payload: Mapping[str, Any]) -> tuple[Kind, Payload]:
    """The kind and its validated payload. Raises `BadJob`."""
    kind = KINDS.get(kind_name)
    if kind is None:
        raise BadJob(problem("kind_unknown", kind=repr(kind_name[:60]), known=", ".join(KINDS)))
    try:
        return kind, kind.payload.model_validate(payload)
    except ValidationError as error:
        raise BadJob(problem("payload_invalid", kind=kind_name, faults=_faults(error, kind.payload))) from None


def _faults(error: ValidationError, payload: type[Payload]) -> str:
    """Field and rule of each fault, and the known fields; never the value, which may be personal data."""
    errors = error.errors(include_url=False, include_input=False)
    found = [f"{_where(e['loc'])}: {NO_DATE if e['type'].startswith('date_') else e['msg']}" for e in errors]
    more = [f"and {len(found) - MAX_FAULTS} more"] if len(found) > MAX_FAULTS else []
    if any(e["type"] == "extra_forbidden" and len(e["loc"]) == 1 for e in errors):
        more.append(f"known are {', '.join(payload.model_fields)}")
    return "; ".join(found[:MAX_FAULTS] + more)


def _where(loc: tuple[int | str, ...]) -> str:
    names = (str(part) for part in loc)
    return ".".join(name if NAME.fullmatch(name) else "(odd name)" for name in names) or "payload"
