"""What is wrong with an invoice's dates and its payment term. Pure."""

from datetime import date
from zoneinfo import ZoneInfo

from worker.domain.invoice import Invoice
from worker.domain.problems import Problem, problem

BERLIN = ZoneInfo("Europe/Berlin")  # the time zone of sevDesk's days
# Postgres also holds `infinity` and years that Python and sevDesk do not know. No invoice lies outside these days.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
LONGEST_TERM = 365  # days; a longer term is a slip, and terms over 60 days need an agreement (§ 271a BGB)
FINAL = "SR"  # `document_kind` of a final invoice (Schlussrechnung)


def impossible_dates(invoice: Invoice) -> Problem | None:
    """The dates that cannot be sent to sevDesk at all."""
    names = ("issue_date", "service_from", "service_to")
    wrong = [name for name in names if not _is_possible(getattr(invoice, name))]
    return problem("date_out_of_range", columns=", ".join(wrong), first=FIRST_DAY, last=LAST_DAY) if wrong else None


def _is_possible(day: date | None) -> bool:
    return day is None or FIRST_DAY <= day <= LAST_DAY


def doubtful_dates(invoice: Invoice, today: date, max_age: int) -> list[Problem]:
    """What the law or common sense objects to. `today` is a Berlin day, `max_age` days.

    Only a final invoice must name when the service was rendered: an advance is invoiced before (§ 14 (4) no. 6 UStG).
    """
    found: list[Problem] = []
    start, end, term = invoice.service_from, invoice.service_to, invoice.payment_term_days
    if invoice.document_kind == FINAL and start is None and end is None:
        found.append(problem("service_date_missing", number=invoice.number))
    if start is not None and end is not None and start > end:
        found.append(problem("service_dates_reversed", service_from=start, service_to=end))
    age = (today - invoice.issue_date).days
    if age < 0:
        found.append(problem("issue_date_in_future", issue_date=invoice.issue_date, today=today))
    if age > max_age:
        found.append(problem("issue_date_too_old", issue_date=invoice.issue_date, age=age, limit=max_age))
    if term is not None and not 0 <= term <= LONGEST_TERM:
        found.append(problem("payment_term_invalid", days=term, longest=LONGEST_TERM))
    return found


def due_date(issued: date, term: int) -> date:
    """The last day of the payment term, or the last one that Python knows: the columns hold others, too."""
    return date.fromordinal(min(max(issued.toordinal() + term, 1), date.max.toordinal()))


def delivery_date(kind: str, issued: date, start: date | None, end: date | None) -> date | None:
    """sevDesk's deliveryDate: the first day of the service, or its only one.

    None for an advance on a service still to come: the official rule forbids a later day than the invoice's, and the
    law wants none there (§ 14 (4) no. 6 UStG).
    """
    first = start or end
    ahead = kind != FINAL and first is not None and first > issued
    return None if ahead else first


def delivery_date_until(kind: str, issued: date, start: date | None, end: date | None) -> date | None:
    """sevDesk's deliveryDateUntil, which goes with a deliveryDate only (official)."""
    return end if start is not None and delivery_date(kind, issued, start, end) is not None else None
