"""deal_check: what the other invoices of an invoice's deal say against publishing it (`domain/advances.py`).

While the outcome of a write to the invoice is not known, sevDesk may have finalized it, and only `publish` finds that
out. So `check` does not stop such a job; `publish` does if it is not finalized, else the findings are warnings.
"""

from worker.domain import advances
from worker.domain.check_levels import Level
from worker.domain.events import LegalWarning
from worker.domain.outcome import NotYet, Parked
from worker.domain.problems import Problem, problem
from worker.steps.step import StepContext

# Seconds until an invoice looks again whether another one of its deal is published: as long as that takes, and not more
# often than the other job is tried, but often enough for a person who dismisses that. An advance looks more often than
# its final invoice, so that it finds that one waiting.
SHORTEST_WAIT, LONGEST_WAIT = {"AR": 1.0, "SR": 2.0}, 60.0


def deal_findings(context: StepContext) -> list[Problem]:
    """Empty while another invoice of the deal is awaited, for what comes of it decides what is found."""
    if awaits_other(context) is not None:
        return []
    return advances.findings(context.invoice, context.final_invoice_form, context.deal_invoices)


def awaits_other(context: StepContext) -> NotYet | None:
    """Another job publishes an invoice of the deal, and what comes of it decides what is found here."""
    invoice = context.invoice
    if all(context.level(code) is Level.OFF for code in advances.CODES[invoice.document_kind]):
        return None
    other = advances.awaited(invoice, context.final_invoice_form, context.deal_invoices)
    if other is None:
        return None
    wait = min(max(SHORTEST_WAIT[invoice.document_kind], other.due_in), LONGEST_WAIT)
    code = "deal_invoice_of_other_program" if other.left_to_other else "deal_invoice_under_way"
    return NotYet(wait, problem(code, other=other.number, number=invoice.number))


def deal_stop(context: StepContext) -> Parked | NotYet | None:
    """Why the invoice must not be published now."""
    found = parking(context, deal_findings(context))
    return Parked(found) if found else awaits_other(context)


def late_warnings(context: StepContext) -> tuple[LegalWarning, ...]:
    """What is found of an invoice that was finalized before it could be stopped, and has not been told."""
    found = advances.findings(context.invoice, context.final_invoice_form, context.deal_invoices)
    untold = [each for each in found if each.code not in context.warned]
    return tuple(warning(each) for each in untold if context.level(each.code) is not Level.OFF)


def parking(context: StepContext, found: list[Problem]) -> Problem | None:
    """The first of the findings whose check parks the job."""
    return next((each for each in found if context.level(each.code) is Level.PARK), None)


def warning(found: Problem) -> LegalWarning:
    return LegalWarning(problem=found.code, parameters=found.parameters, reason=found.cause())
