"""What all events have in common, and the codes by which they tell how we know of something. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from worker.domain.invoice import Cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened. `payload()` is what the event log keeps."""

    @property
    def type(self) -> str:
        """`event_type` in the log: the class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.__class__.__name__).lower()

    def payload(self) -> dict[str, Any]:
        """The event's fields as JSON values; money as strings, binary content left out."""
        shown = (f.name for f in fields(self) if f.metadata.get("log", True))
        return {name: _jsonable(getattr(self, name)) for name in shown}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_jsonable(each) for each in value]
    if isinstance(value, Cancellation):
        return {f.name: _jsonable(getattr(value, f.name)) for f in fields(value)}
    return value


# How we know: by our call's answer, by a look that found it, or (`confirmed_sent`) by a person's answer.
# `found_earlier`: sevDesk shows a mail of which nothing is on record.
LinkedHow = Literal["created", "found_by_customer_number", "updated"]
DraftedHow = Literal["created", "found", "adopted"]
FinalizedHow = Literal["finalized", "found_finalized"]
SentHow = Literal["sent", "found_sent", "found_earlier", "confirmed_sent"]
CancelledHow = Literal[
    "cancellation_invoice",
    "credit_note",
    "draft_deleted",
    "found_cancelled",
    "found_credited",
    "never_in_sevdesk",
    "gone_from_sevdesk",
]
CreditSavedHow = Literal["created", "found"]
# invoice_gone: cancelled or deleted; not_creditable: the rest was credited; number_taken: made again with another.
CreditDeletedCause = Literal["sums_differ", "invoice_gone", "not_creditable", "number_taken", "gone_from_sevdesk"]
MarkedHow = Literal["marked", "found_marked"]

# Metadata of fields that are stored in other tables and must not be in the event log: binary content, personal data.
UNLOGGED: Mapping[str, bool] = {"log": False}
