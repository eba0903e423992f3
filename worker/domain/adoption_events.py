"""The event of an invoice that was published before this worker came. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from worker.domain.event_base import Event

AdoptedBy = Literal["external_id", "marker", "number", "header"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted(Event):
    """A finalized document that sevDesk had already is the invoice's; `by`: what named it."""

    external_id: str
    number: str
    gross: Decimal
    by: AdoptedBy
